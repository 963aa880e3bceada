// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_LWS_CONTEXT_H_
#define SOAK_LIB_NET_LWS_CONTEXT_H_

// libwebsockets on a loop: one context with one virtual host, which never listens.
//
// A server's sockets come to it by adoption, once their request has been read (lws_server.cc), so that a
// handshake sees every header and is answered with any status. libwebsockets' callbacks end in the
// LwsLink that the connection belongs to.

#include <libwebsockets.h>
#include <uv.h>

#include <string>
#include <string_view>
#include <vector>

namespace soak::net {

class LwsLink;

class LwsContext {
 public:
  // Throws Error(Errc::kSystem) when libwebsockets or its libuv plugin cannot be started.
  explicit LwsContext(uv_loop_t* loop);
  // Runs the loop until libwebsockets has closed its handles.
  ~LwsContext();
  LwsContext(const LwsContext&) = delete;
  LwsContext& operator=(const LwsContext&) = delete;

  uv_loop_t* loop() const { return loop_; }
  lws_context* get() const { return context_; }
  lws_vhost* vhost() const { return vhost_; }

  // Hands the connected `fd`, whose request head has been read, to libwebsockets as a server's WebSocket.
  // `key` is the client's Sec-WebSocket-Key; `fields` are whole header lines for the 101 response. False:
  // the connection is gone.
  bool adopt(int fd, std::string_view key, std::string fields, LwsLink& link);

  // Services what libwebsockets has read and not yet handed out: libuv would not come back for it.
  void wake();

  // Room for a frame of `size` with libwebsockets' headroom in front; valid until the next call.
  unsigned char* frame_buffer(std::size_t size);
  void release_frame_buffer();

 private:
  static int on_event(lws* wsi, lws_callback_reasons reason, void* user, void* in, std::size_t size);

  uv_loop_t* loop_;
  lws_context* context_ = nullptr;
  lws_vhost* vhost_ = nullptr;
  LwsLink* adopting_ = nullptr;
  std::string adopted_fields_;
  std::vector<unsigned char> frame_;
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_LWS_CONTEXT_H_

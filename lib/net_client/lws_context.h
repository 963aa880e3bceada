// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_CLIENT_LWS_CONTEXT_H_
#define SOAK_LIB_NET_CLIENT_LWS_CONTEXT_H_

// libwebsockets on a loop: one context, with one virtual host for `ws:` and one for the `wss:` clients of each set of
// trusted CAs. None of them listens.
//
// libwebsockets' callbacks end in the LwsEvents of the connection that they are about.

#include <libwebsockets.h>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/net/openssl.h"
#include "soak/event_loop.h"

namespace soak::net {

// What libwebsockets tells of one connection. Its address is the connection's opaque user data.
class LwsEvents {
 public:
  // What it returns goes to libwebsockets.
  virtual int on_event(lws* wsi, lws_callback_reasons reason, void* in, std::size_t size) = 0;
  // Whether to go on with the server's certificate `chain` at the place where it stands.
  virtual bool verify(X509_STORE_CTX& chain, bool chain_ok) = 0;

 protected:
  ~LwsEvents() = default;
};

class LwsContext {
 public:
  // Throws Error(Errc::kSystem) when libwebsockets or its libuv plugin cannot be started.
  explicit LwsContext(UvLoop& loop);
  // Runs the loop until libwebsockets has closed its handles.
  ~LwsContext();
  LwsContext(const LwsContext&) = delete;
  LwsContext& operator=(const LwsContext&) = delete;

  UvLoop& loop() const { return loop_; }
  lws_context* get() const { return context_; }
  lws_vhost* vhost() const { return vhost_; }
  // For clients that trust the CAs in `ca_file`, or the system's if it is empty. The file is read each time, so that a
  // new CA at the same place counts; clients of the same CAs share one TLS context. Throws
  // Error(Errc::kInvalidArgument) when the file cannot be read or has no certificate.
  lws_vhost* tls_vhost(const std::string& ca_file);

  // Services what libwebsockets has read and not yet handed out: libuv would not come back for it.
  void wake();

  // Room for a frame of `size`; valid until the next call.
  unsigned char* frame_buffer(std::size_t size);
  void release_frame_buffer();

 private:
  lws_vhost* make_vhost(const char* name, SSL_CTX* tls);
  static int on_event(lws* wsi, lws_callback_reasons reason, void* user, void* in, std::size_t size);

  UvLoop& loop_;
  lws_context* context_ = nullptr;
  lws_vhost* vhost_ = nullptr;
  struct TlsVhost {
    OwnedSslContext tls;
    lws_vhost* vhost;
  };
  std::map<std::string, TlsVhost> tls_vhosts_;  // By what the CA file holds.
  std::vector<unsigned char> frame_;
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_CLIENT_LWS_CONTEXT_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_LWS_LINK_H_
#define SOAK_LIB_NET_LWS_LINK_H_

#include <libwebsockets.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/net/link.h"
#include "lib/net/lws_context.h"
#include "lib/net/url.h"

namespace soak::net {

// What a client's handshake came to, before there is a connection.
class LwsConnectUser {
 public:
  // The head of the response has come. Status 101: on_connected() follows if libwebsockets agrees with
  // the rest of it, or on_connect_failed().
  virtual void on_response(int status, Headers headers, std::string body) = 0;
  virtual void on_connected() = 0;
  // `system_error` is an errno, or 0 if none is known; `cause` is libwebsockets' word for it.
  virtual void on_connect_failed(int system_error, std::string_view cause) = 0;

 protected:
  ~LwsConnectUser() = default;
};

struct LwsRequest {
  Url url;
  std::string address;       // Numeric: libwebsockets would look a name up on the loop's thread.
  std::string fields;        // Whole header lines.
  std::string subprotocols;  // "a, b"
  const std::vector<std::string>* response_headers = nullptr;  // Beyond the well-known; outlives the handshake.
};

class LwsLink final : public Link {
 public:
  explicit LwsLink(LwsContext& context) : context_(context) {}
  ~LwsLink() override;

  // Both before the connection is there; afterwards the user is a LinkUser.
  void connect(const LwsRequest& request, LwsConnectUser& user);
  void set_user(LinkUser& user) { user_ = &user; }
  // Whether the connection is still there.
  bool alive() const { return wsi_ != nullptr; }

  bool writable() const override;
  void write(Message message) override;
  void want_writable() override;
  std::size_t buffered() const override;
  void ping() override;
  void start_close(std::uint16_t code, std::string reason) override;
  void set_reading(bool on) override;
  std::chrono::nanoseconds silence() const override;

  // For the context: an event of this link's connection. What it returns goes to libwebsockets.
  int on_event(lws* wsi, lws_callback_reasons reason, void* in, std::size_t size);

 private:
  int handle_event(lws* wsi, lws_callback_reasons reason, void* in, std::size_t size);
  int on_writeable();
  void on_receive(std::string_view piece);
  int append_fields(unsigned char** at, std::size_t room);
  bool read_response(lws* wsi);  // Whether to go on: 101.
  void connect_failed(lws* wsi, std::string_view cause);
  void send_frame(std::string_view payload, lws_write_protocol kind);
  void end();

  LwsContext& context_;
  lws* wsi_ = nullptr;
  LinkUser* user_ = nullptr;
  LwsConnectUser* connecting_ = nullptr;
  std::string fields_;
  const std::vector<std::string>* response_headers_ = nullptr;
  std::string response_body_;
  std::string close_payload_;
  std::size_t last_frame_ = 0;
  int event_depth_ = 0;
  Message::Kind kind_ = Message::Kind::kText;
  bool established_ = false;
  bool wanted_ = false;
  bool ping_due_ = false;
  bool close_due_ = false;
  bool close_sent_ = false;
  bool failed_ = false;  // A write failed: the connection is ending.
  bool peer_closed_ = false;
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_LWS_LINK_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_CLIENT_LWS_LINK_H_
#define SOAK_LIB_NET_CLIENT_LWS_LINK_H_

#include <libwebsockets.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/net/frame.h"
#include "lib/net/link.h"
#include "lib/net/openssl.h"
#include "lib/net/url.h"
#include "lib/net_client/lws_context.h"
#include "soak/detail/timer_heap.h"

namespace soak::net {

// What a client's handshake came to, before there is a connection.
class LwsConnectUser {
 public:
  // The head of the response has come. Status 101: on_connected() follows if libwebsockets agrees with
  // the rest of it, or on_connect_failed().
  virtual void on_response(int status, Headers headers, std::string body) = 0;
  virtual void on_connected() = 0;
  // wss: the server's certificate is not accepted, for this reason. on_connect_failed() follows.
  virtual void on_certificate_refused(std::string why) = 0;
  virtual void on_connect_failed(std::string cause) = 0;

 protected:
  ~LwsConnectUser() = default;
};

// Outlives the handshake.
struct LwsRequest {
  Url url;
  lws_vhost* vhost = nullptr;  // For wss: that of the CAs in `ca_file`.
  std::string ca_file;
  std::string address;                        // Numeric: libwebsockets would look a name up on the loop's thread.
  std::string fields;                         // Whole header lines.
  std::string subprotocols;                   // "a, b"
  std::vector<std::string> response_headers;  // Beyond the well-known.
};

class LwsLink final : public Link, public LwsEvents, public soak::detail::TimerNode {
 public:
  explicit LwsLink(LwsContext& context) : context_(context) {}
  ~LwsLink() override;

  // Both before the connection is there; afterwards the user is a LinkUser.
  void connect(const LwsRequest& request, LwsConnectUser& user);
  void set_user(LinkUser& user) { user_ = &user; }

  bool writable() const override;
  void write(Message message) override;
  void want_writable() override;
  std::size_t buffered() const override;
  void ping(std::string payload) override;
  void start_close(std::uint16_t code, std::string reason) override;
  void set_reading(bool on) override;
  std::chrono::nanoseconds silence() const override;

  void expire() noexcept override;

  int on_event(lws* wsi, lws_callback_reasons reason, void* in, std::size_t size) override;
  bool verify(X509_STORE_CTX& chain, bool chain_ok) override;

 private:
  int handle_event(lws* wsi, lws_callback_reasons reason, void* in, std::size_t size);
  int on_writeable();
  int on_peer_close(std::string_view payload);
  void on_receive(std::string_view piece);
  int append_fields(unsigned char** at, std::size_t room);
  bool read_response(lws* wsi);  // Whether to go on: 101.
  void connect_failed(lws* wsi, std::string_view cause);
  void send_frame(Opcode opcode, std::string_view payload);
  void end();

  LwsContext& context_;
  lws* wsi_ = nullptr;
  LinkUser* user_ = nullptr;
  LwsConnectUser* connecting_ = nullptr;
  const LwsRequest* request_ = nullptr;  // As long as connecting_.
  std::string response_body_;
  std::string close_payload_;
  std::string ping_payload_;
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

#endif  // SOAK_LIB_NET_CLIENT_LWS_LINK_H_

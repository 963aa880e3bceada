// SPDX-License-Identifier: Apache-2.0
#include "lib/net_client/lws_client.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "lib/net/connect_errors.h"
#include "lib/net/connection.h"
#include "lib/net_client/lws_link.h"
#include "lib/net_client/lws_service.h"
#include "lib/net_client/resolve.h"
#include "lib/text/format.h"

namespace soak::net {
namespace {

// The errno with which a connect to `address` would fail at once, for want of a route. libwebsockets 4.1
// leaks its libuv handle on that path, so it is not sent there. Sends nothing: connecting a datagram
// socket only looks the route up.
int route_error(const std::string& address, std::uint16_t port) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    size = sizeof *v4;
  } else if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    size = sizeof *v6;
  } else {
    return 0;  // A scoped address: libwebsockets may know.
  }
  const int fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return errno;
  }
  const int error = ::connect(fd, reinterpret_cast<const sockaddr*>(&storage), size) == 0 ? 0 : errno;
  ::close(fd);
  return error;
}

// One try at one address. Destroyed before it has ended, it drops the connection.
class Attempt final : public LwsConnectUser {
 public:
  Attempt(EventLoop& loop, const ConnectOptions& options) : loop_(loop), options_(options) {}
  ~Attempt() {
    if (connection_) {
      connection_->abandon();
    }
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  void begin(LwsContext& context, const LwsRequest& request) {
    name_ = request.url.display();
    link_ = std::make_unique<LwsLink>(context);
    link_->connect(request, *this);
  }

  void on_response(int status, Headers headers, std::string body) override {
    status_ = status;
    headers_ = std::move(headers);
    body_ = std::move(body);
  }
  void on_connected() override {
    Connection::Facts facts;
    facts.name = name_;
    facts.subprotocol = headers_.get("Sec-WebSocket-Protocol");
    facts.response_headers = std::move(headers_);
    connection_ = std::make_shared<Connection>(loop_, options_, std::move(facts));
    link_->set_user(*connection_);
    connection_->start(std::move(link_));
    done_.wake();
  }
  void on_certificate_refused(std::string why) override {
    certificate_refused_ = true;
    failure_ = std::move(why);
  }
  void on_connect_failed(std::string cause) override {
    if (!certificate_refused_) {
      failure_ = std::move(cause);
    }
    failed_ = true;
    done_.wake();
  }

  bool ended() const { return failed_ || connection_; }
  Signal& done() { return done_; }
  bool refused() const { return failed_ && status_ != 0 && status_ != 101; }
  bool certificate_refused() const { return certificate_refused_; }
  const std::string& failure() const { return failure_; }
  HandshakeRefused refusal() { return {name_, status_, std::move(headers_), std::move(body_)}; }
  std::unique_ptr<WebSocket> take() {
    return connection_ ? make_websocket(std::exchange(connection_, nullptr)) : nullptr;
  }

 private:
  EventLoop& loop_;
  const ConnectOptions& options_;
  std::string name_;
  std::unique_ptr<LwsLink> link_;  // Until it has become the connection's.
  std::shared_ptr<Connection> connection_;
  Signal done_{"handshake"};
  int status_ = 0;
  Headers headers_;
  std::string body_;
  std::string failure_;
  bool certificate_refused_ = false;
  bool failed_ = false;
};

}  // namespace

void start_lws(EventLoop& loop) { loop.service<LwsService>(); }

Task<std::unique_ptr<WebSocket>> connect_on_lws(EventLoop& loop, Url url, ConnectOptions options) {
  const Instant begun = loop.now();
  const Instant deadline = soak::detail::later(begun, options.connect_timeout);
  const Resolved resolved = co_await resolve(static_cast<UvLoop&>(loop), url.host, deadline);
  if (resolved.addresses.empty()) {
    if (resolved.failure.empty()) {
      throw_connect_timeout(url, options);
    }
    throw_connect_failed(url, resolved.failure, loop.now() - begun);
  }

  LwsContext& context = loop.service<LwsService>().context;
  LwsRequest request;
  request.url = url;
  request.vhost = url.secure() ? context.tls_vhost(options.ca_file) : context.vhost();
  request.ca_file = options.ca_file;
  request.response_headers = options.response_headers;
  for (const auto& [name, value] : options.headers) {
    request.fields += name + ": " + value + "\r\n";
  }
  for (const std::string& name : options.subprotocols) {
    request.subprotocols += (request.subprotocols.empty() ? "" : ", ") + name;
  }

  std::string failure;
  for (const std::string& address : resolved.addresses) {
    if (const int error = route_error(address, url.port); error != 0) {
      failure = text::format_errno(error);
      continue;
    }
    request.address = address;
    Attempt attempt(loop, options);
    attempt.begin(context, request);
    while (!attempt.ended()) {
      if (!co_await attempt.done().wait(deadline)) {
        throw_connect_timeout(url, options);
      }
    }
    if (attempt.refused()) {
      throw attempt.refusal();
    }
    if (std::unique_ptr<WebSocket> socket = attempt.take()) {
      co_return socket;
    }
    failure = attempt.failure();
    if (attempt.certificate_refused()) {  // It is the same at every address of the host.
      throw_connect_failed(url, failure, loop.now() - begun, Errc::kCertificate);
    }
  }
  throw_connect_failed(url, failure, loop.now() - begun);
}

}  // namespace soak::net

// SPDX-License-Identifier: Apache-2.0
#include "soak/net/websocket.h"

#include "lib/net/ascii.h"
#include "lib/net/connect_errors.h"
#include "lib/net/lws_network.h"
#include "lib/net/memory_network.h"
#include "lib/net/text.h"
#include "lib/net/url.h"

namespace soak::net {
namespace {

std::string describe(std::string_view peer, const CloseStatus& status) {
  std::string text(peer);
  switch (status.by) {
    case CloseStatus::By::kLocal:
      text += ": closed by this side, ";
      break;
    case CloseStatus::By::kPeer:
      text += ": closed by the peer, ";
      break;
    case CloseStatus::By::kLost:
      text += ": ";
      break;
  }
  text += std::to_string(status.code);
  if (!status.reason.empty()) {
    text += " " + status.reason;
  }
  return text;
}

// What libwebsockets, or a proxy on the way, would otherwise turn into something else.
void check_options(const Url& url, const ConnectOptions& options) {
  // A request line in libwebsockets ends at 2,048 bytes, a Host field at 128.
  constexpr std::size_t kTargetMax = 2000;
  constexpr std::size_t kHostMax = 110;
  const auto refuse = [&url](std::string_view why) {
    throw Error(Errc::kInvalidArgument, url.display() + ": " + std::string(why));
  };
  if (url.target().size() > kTargetMax) {
    refuse("path and query are longer than 2000 bytes");
  }
  if (url.authority().size() > kHostMax) {
    refuse("the host name is longer than 110 bytes");
  }
  for (const auto& [name, value] : options.headers) {
    if (!is_token(name) || !is_field_value(value)) {
      refuse("not a header field: " + name);
    }
  }
  for (const std::string& name : options.subprotocols) {
    if (!is_token(name)) {
      refuse("a subprotocol is not a token");
    }
  }
}

}  // namespace

WebSocket::~WebSocket() = default;

ConnectionClosed::ConnectionClosed(std::string_view peer, CloseStatus status, Errc code)
    : Error(code, describe(peer, status)), status_(std::move(status)) {}

HandshakeRefused::HandshakeRefused(std::string_view url, int status, Headers headers, std::string body)
    : Error(Errc::kHandshakeRefused, std::string(url) + ": the handshake was refused with " + std::to_string(status)),
      status_(status),
      headers_(std::move(headers)),
      body_(std::move(body)) {}

void throw_connect_failed(const Url& url, std::string_view cause, std::chrono::nanoseconds after) {
  throw Error(Errc::kConnectFailed,
              url.display() + ": " + std::string(cause) + ", " + format_seconds(after) + " after connect");
}

void throw_connect_timeout(const Url& url, const ConnectOptions& options) {
  throw Error(Errc::kTimeout, url.display() + ": no handshake within the connect timeout of " +
                                  format_seconds(options.connect_timeout));
}

Task<std::unique_ptr<WebSocket>> connect_websocket(EventLoop& loop, std::string url, ConnectOptions options) {
  Url target = parse_websocket_url(url);
  check_options(target, options);
  if (loop.is_virtual()) {
    auto socket = co_await connect_in_memory(loop, std::move(target), std::move(options));
    co_return socket;
  }
  auto socket = co_await connect_on_lws(loop, std::move(target), std::move(options));
  co_return socket;
}

}  // namespace soak::net

// SPDX-License-Identifier: Apache-2.0
#include "soak/net/websocket_client.h"

#include <string_view>
#include <utility>

#include "lib/net/field_syntax.h"
#include "lib/net/memory_network.h"
#include "lib/net/url.h"
#include "lib/net_client/lws_client.h"

namespace soak::net {
namespace {

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

Task<std::unique_ptr<WebSocket>> connect_websocket(EventLoop& loop, std::string url, ConnectOptions options) {
  Url target = parse_websocket_url(url);
  keep_secrets_of(options.headers);
  check_options(target, options);
  if (loop.is_virtual()) {
    auto socket = co_await connect_in_memory(loop, std::move(target), std::move(options));
    co_return socket;
  }
  auto socket = co_await connect_on_lws(loop, std::move(target), std::move(options));
  co_return socket;
}

}  // namespace soak::net

// SPDX-License-Identifier: Apache-2.0
#include "lib/net/url.h"

#include <algorithm>
#include <charconv>

#include "lib/net/ascii.h"
#include "soak/error.h"

namespace soak::net {
namespace {

std::uint16_t default_port(std::string_view scheme) { return scheme == "wss" ? 443 : 80; }

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  // Neither the query nor userinfo may reach a message.
  std::string shown(text.substr(0, text.find_first_of("?#")));
  if (const std::size_t at = shown.rfind('@'); at != std::string::npos) {
    const std::size_t slashes = shown.find("://");
    shown.erase(slashes == std::string::npos ? 0 : slashes + 3, at - (slashes == std::string::npos ? 0 : slashes + 3));
  }
  throw Error(Errc::kInvalidArgument, shown + ": " + std::string(why));
}

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

std::string Url::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == default_port(scheme) ? name : name + ":" + std::to_string(port);
}

Url parse_websocket_url(std::string_view text) {
  if (!is_visible(text)) refuse(text, "not a URL: it holds a space or a control character");
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) refuse(text, "not a URL, expected ws://host:port/path");
  Url url;
  std::transform(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon), std::back_inserter(url.scheme),
                 to_lower);
  if (url.scheme != "ws" && url.scheme != "wss")
    refuse(text, "unsupported scheme " + url.scheme + ", expected ws or wss");

  std::string_view rest = text.substr(colon + 3);
  if (rest.find('#') != std::string_view::npos) refuse(text, "a WebSocket URL has no fragment");
  const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, end);
  rest.remove_prefix(end);
  if (authority.find('@') != std::string_view::npos) refuse(text, "user and password in a URL are not supported");

  std::string_view port;
  if (!authority.empty() && authority.front() == '[') {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) refuse(text, "the address lacks its closing bracket");
    url.host = authority.substr(1, close - 1);
    authority.remove_prefix(close + 1);
    if (!authority.empty() && authority.front() != ':') refuse(text, "not a port after the address");
    if (!authority.empty()) port = authority.substr(1);
  } else {
    const std::size_t separator = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, separator);
    if (separator < authority.size()) port = authority.substr(separator + 1);
  }
  if (url.host.empty()) refuse(text, "the host is missing");
  url.port = default_port(url.scheme);
  if (!port.empty()) {
    const auto [last, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (error != std::errc() || last != port.data() + port.size() || url.port == 0)
      refuse(text, "not a port: " + std::string(port));
  }

  const std::size_t question = std::min(rest.find('?'), rest.size());
  if (question > 0) url.path = rest.substr(0, question);
  if (question < rest.size()) url.query = rest.substr(question + 1);
  return url;
}

}  // namespace soak::net

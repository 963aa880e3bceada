// SPDX-License-Identifier: Apache-2.0
#include "lib/net/url.h"

#include <algorithm>

#include "lib/text/ascii.h"
#include "lib/text/number.h"
#include "soak/error.h"

namespace soak::net {
namespace {

std::uint16_t default_port(std::string_view scheme) { return scheme == "wss" || scheme == "https" ? 443 : 80; }

// What the URLs of a protocol have in common.
struct Kind {
  std::string_view plain;
  std::string_view secure;
  bool path_is_secret;
};
constexpr Kind kWebSocket{"ws", "wss", false};
constexpr Kind kHttp{"http", "https", true};

// What of `text` may reach a message: neither its query nor userinfo, nor a path that may hold a key.
std::string showable(std::string_view text, const Kind& kind) {
  std::string shown(text.substr(0, text.find_first_of("?#")));
  if (const std::size_t at = shown.rfind('@'); at != std::string::npos) {
    const std::size_t slashes = shown.find("://");
    const std::size_t begin = slashes == std::string::npos ? 0 : slashes + 3;
    if (at >= begin) {
      shown.erase(begin, at + 1 - begin);
    }
  }
  if (!kind.path_is_secret) {
    return shown;
  }
  const std::size_t slashes = shown.find("://");
  if (slashes == std::string::npos) {
    return "the URL";
  }
  shown.resize(std::min(shown.find('/', slashes + 3), shown.size()));
  return shown;
}

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

Url parse(std::string_view text, const Kind& kind) {
  const auto refuse = [&](const std::string& why) {
    throw Error(Errc::kInvalidArgument, showable(text, kind) + ": " + why);
  };
  const std::string plain(kind.plain);
  if (!is_visible(text)) {
    refuse("not a URL: it holds a space or a control character");
  }
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) {
    refuse("not a URL: expected " + plain + "://host:port/path");
  }
  Url url;
  url.scheme = text::to_lower(text.substr(0, colon));
  if (url.scheme != kind.plain && url.scheme != kind.secure) {
    refuse("unsupported scheme " + url.scheme + ": expected " + plain + " or " + std::string(kind.secure));
  }

  std::string_view rest = text.substr(colon + 3);
  if (rest.find('#') != std::string_view::npos) {
    refuse(kind.path_is_secret ? "an HTTP URL to be sent has no fragment" : "a WebSocket URL has no fragment");
  }
  const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, end);
  rest.remove_prefix(end);
  if (authority.find('@') != std::string_view::npos) {
    refuse("user and password in a URL are not supported");
  }

  std::string_view port;
  if (!authority.empty() && authority.front() == '[') {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) {
      refuse("the address lacks its closing bracket");
    }
    url.host = authority.substr(1, close - 1);
    authority.remove_prefix(close + 1);
    if (!authority.empty() && authority.front() != ':') {
      refuse("not a port after the address");
    }
    if (!authority.empty()) {
      port = authority.substr(1);
    }
  } else {
    const std::size_t separator = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, separator);
    if (separator < authority.size()) {
      port = authority.substr(separator + 1);
    }
  }
  if (url.host.empty()) {
    refuse("the host is missing");
  }
  url.port = default_port(url.scheme);
  if (!port.empty()) {
    url.port = text::parse_number<std::uint16_t>(port).value_or(0);
    if (url.port == 0) {
      refuse("not a port: " + std::string(port));
    }
  }

  const std::size_t question = std::min(rest.find('?'), rest.size());
  if (question > 0) {
    url.path = rest.substr(0, question);
  }
  if (question < rest.size()) {
    url.query = rest.substr(question + 1);
  }
  return url;
}

}  // namespace

std::string Url::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == default_port(scheme) ? name : name + ":" + std::to_string(port);
}

std::string Url::origin() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return scheme + "://" + name + ":" + std::to_string(port);
}

Url parse_websocket_url(std::string_view text) { return parse(text, kWebSocket); }

Url parse_http_url(std::string_view text) { return parse(text, kHttp); }

}  // namespace soak::net

// SPDX-License-Identifier: Apache-2.0
#include "lib/net/url.h"

#include <algorithm>
#include <vector>

#include "lib/text/ascii.h"
#include "lib/text/base64.h"
#include "lib/text/number.h"
#include "lib/text/percent.h"
#include "soak/detail/secrets.h"
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

struct Piece {
  std::size_t at = 0;
  std::size_t size = 0;
};

constexpr std::size_t kTokenMin = 16;

// Sixteen letters and digits in a row, of both kinds: no word, no version and no date.
bool looks_secret(std::string_view value) {
  while (!value.empty()) {
    const auto end = std::find_if_not(value.begin(), value.end(), text::is_letter_or_digit);
    const std::string_view run = value.substr(0, static_cast<std::size_t>(end - value.begin()));
    if (run.size() >= kTokenMin && std::any_of(run.begin(), run.end(), text::is_digit) &&
        std::any_of(run.begin(), run.end(), text::is_letter)) {
      return true;
    }
    value.remove_prefix(std::min(run.size() + 1, value.size()));
  }
  return false;
}

// What of a URL is secret, in order: userinfo, values of the query.
std::vector<Piece> secrets_in(std::string_view url) {
  std::vector<Piece> pieces;
  const std::size_t slashes = url.find("://");
  const std::size_t authority = slashes == std::string_view::npos ? 0 : slashes + 3;
  const std::size_t authority_end = std::min(url.find_first_of("/?#", authority), url.size());
  if (const std::size_t at = url.substr(0, authority_end).rfind('@'); at != std::string_view::npos && at > authority) {
    pieces.push_back({authority, at - authority});
  }
  const std::size_t question = url.find('?', authority);
  for (std::size_t begin = question; begin < url.size();) {
    ++begin;
    const std::size_t end = std::min(url.find_first_of("&;#", begin), url.size());
    const std::string_view pair = url.substr(begin, end - begin);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::size_t value = std::min(equals + 1, pair.size());
    if (equals == pair.size() ? looks_secret(pair)
                              : text::is_secret_name(pair.substr(0, equals)) || looks_secret(pair.substr(value))) {
      pieces.push_back(equals == pair.size() ? Piece{begin, pair.size()} : Piece{begin + value, pair.size() - value});
    }
    begin = end;
  }
  return pieces;
}

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

Url parse(std::string_view text, const Kind& kind) {
  keep_secrets_of(text);
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

std::string url_without_secrets(std::string_view url) {
  std::string shown;
  std::size_t done = 0;
  for (const Piece& piece : secrets_in(url)) {
    shown += url.substr(done, piece.at - done);
    shown += "***";
    done = piece.at + piece.size;
  }
  return shown += url.substr(done);
}

void keep_secrets_of(std::string_view url) {
  for (const Piece& piece : secrets_in(url)) {
    const std::string_view secret = url.substr(piece.at, piece.size);
    text::keep_secret(secret);
    text::keep_secret(text::form_decode(secret));
    if (const std::size_t colon = secret.find(':'); colon != std::string_view::npos) {
      text::keep_secret(text::percent_decode(secret.substr(colon + 1)));  // The password alone.
    }
  }
}

void keep_secrets_of(const Headers& headers) {
  for (const auto& [name, value] : headers) {
    if (!text::is_secret_name(name)) {
      continue;
    }
    text::keep_secret(value);
    const std::size_t blank = value.find(' ');  // "Bearer ...", "Basic ..."
    if (blank == std::string::npos) {
      continue;
    }
    const std::string_view credential = text::trim(std::string_view(value).substr(blank));
    text::keep_secret(credential);
    if (std::string pair; text::decode_base64(credential, pair)) {
      text::keep_secret(pair.substr(pair.find(':') + 1));
    }
  }
}

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

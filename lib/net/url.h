// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_URL_H_
#define SOAK_LIB_NET_URL_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "soak/net/headers.h"

namespace soak::net {

// The parts of a URL that a connection needs. Userinfo and fragments are not accepted.
struct Url {
  std::string scheme;  // Lower case.
  std::string host;    // Without the brackets of an IPv6 address.
  std::uint16_t port = 0;
  std::string path = "/";
  std::string query;  // Without the question mark.

  bool secure() const { return scheme == "wss" || scheme == "https"; }
  // host:port, with the brackets and without the default port: the value of a Host field.
  std::string authority() const;
  std::string target() const { return query.empty() ? path : path + "?" + query; }
  // For messages: without the query, which may hold a key.
  std::string display() const { return scheme + "://" + authority() + path; }
  // Where a connection goes: "https://host:443". All that messages about HTTP say, whose paths hold keys, too.
  std::string origin() const;
};

// `url` as it may be shown, which need not be a valid one: "***" stands for user and password, and for each value of
// the query that holds a secret, by its name (api_key) or by its looks (sixteen or more letters and digits in a row).
std::string url_without_secrets(std::string_view url);

// Keeps these out of all outputs, however a peer or a library spells them (soak/detail/secrets.h). Parsing a URL does
// so too.
void keep_secrets_of(std::string_view url);
// The same for header fields: keys, tokens, cookies, and what Authorization holds.
void keep_secrets_of(const Headers& headers);

// Throws Error(Errc::kInvalidArgument) for what is no ws: or wss: URL, naming it without its query.
Url parse_websocket_url(std::string_view text);
// The same for http: and https:, naming it without its path.
Url parse_http_url(std::string_view text);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_URL_H_

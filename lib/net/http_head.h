// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_HTTP_HEAD_H_
#define SOAK_LIB_NET_HTTP_HEAD_H_

// The head of an HTTP request, and of one that asks for an upgrade.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "soak/net/handshake.h"
#include "soak/net/headers.h"

namespace soak::net {

struct RequestHead {
  std::string method;
  std::string path;
  std::string query;
  Headers headers;
  bool http10 = false;  // Of HTTP/1.0: no Host is needed, and the connection ends after the response.
};

// `head` ends with the empty line. Empty result: not HTTP/1.x.
std::optional<RequestHead> parse_request_head(std::string_view head);

// Whether its first line ends with a version of HTTP other than 1.x, "HTTP/2.0".
bool is_of_other_version(std::string_view head);

// A line of a header or a trailer, without its end. Empty result: it is no field.
struct FieldLine {
  std::string_view name;
  std::string_view value;
};
std::optional<FieldLine> parse_field(std::string_view line);

// Whether a Host field may have this value (RFC 9112, section 3.2): a host and perhaps a port, or nothing.
bool is_host(std::string_view value);

std::string_view reason_phrase(int status);

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7).
std::string format_http_date(std::chrono::system_clock::time_point time);

// Whether it asks to go on as a WebSocket; check_upgrade() says whether it asks as it has to.
bool asks_for_websocket(const RequestHead& head);

// What a server has to answer to a request that is no WebSocket upgrade of version 13; empty if it is one.
std::optional<HandshakeReply> check_upgrade(const RequestHead& head);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_HTTP_HEAD_H_

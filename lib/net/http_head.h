// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_HTTP_HEAD_H_
#define SOAK_LIB_NET_HTTP_HEAD_H_

// The head of an HTTP/1.1 request, of one that asks for an upgrade, and the answer that refuses it.

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
};

// `head` ends with the empty line. Empty result: not HTTP/1.1.
std::optional<RequestHead> parse_request_head(std::string_view head);

std::string_view reason_phrase(int status);

// What a server has to answer to a request that is no WebSocket upgrade of version 13; empty if it is one.
std::optional<HandshakeReply> check_upgrade(const RequestHead& head);

// The whole response, with Content-Length and "Connection: close".
std::string format_refusal(const HandshakeReply& reply);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_HTTP_HEAD_H_

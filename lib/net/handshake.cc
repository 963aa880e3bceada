// SPDX-License-Identifier: Apache-2.0
#include "soak/net/handshake.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "lib/net/field_syntax.h"
#include "lib/net/query.h"

namespace soak::net {
namespace {

// Aborts when a reply to be sent could break out of its header line.
void check_reply(const HandshakeReply& reply) {
  bool sound = reply.subprotocol().empty() || is_token(reply.subprotocol());
  for (const auto& [name, value] : reply.headers()) {
    sound = sound && is_token(name) && is_field_value(value);
  }
  if (sound && reply.status() >= 200 && reply.status() <= 599) {
    return;
  }
  if (sound && reply.accepted()) {
    return;
  }
  std::fprintf(stderr, "soak: a HandshakeReply of status %d has a header field that a response cannot have\n",
               reply.status());
  std::abort();
}

}  // namespace

std::string HandshakeRequest::query_value(std::string_view name) const { return net::query_value(query, name); }

HandshakeReply::HandshakeReply(int status, std::string subprotocol, std::string body, Headers headers)
    : status_(status), subprotocol_(std::move(subprotocol)), body_(std::move(body)), headers_(std::move(headers)) {
  check_reply(*this);
}

HandshakeReply HandshakeReply::accept(std::string subprotocol, Headers headers) {
  return {101, std::move(subprotocol), {}, std::move(headers)};
}

HandshakeReply HandshakeReply::refuse(int status, std::string body, Headers headers) {
  return {status, {}, std::move(body), std::move(headers)};
}

HandshakeReply accept_any(const HandshakeRequest& request) {
  return HandshakeReply::accept(request.subprotocols.empty() ? std::string() : request.subprotocols.front());
}

}  // namespace soak::net

// SPDX-License-Identifier: Apache-2.0
#include "soak/net/http.h"

#include "lib/net/query.h"

namespace soak::net {

HttpError::HttpError(Errc code, std::string_view message, bool may_have_arrived)
    : Error(code, std::string(message)), may_have_arrived_(may_have_arrived) {}

std::string HttpServerRequest::query_value(std::string_view name) const { return net::query_value(query, name); }

HttpReply HttpReply::reset() {
  HttpReply reply(500);
  reply.reset_ = true;
  return reply;
}

}  // namespace soak::net

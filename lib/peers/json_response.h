// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_JSON_RESPONSE_H_
#define SOAK_LIB_PEERS_JSON_RESPONSE_H_

// JSON in the bodies that the fakes send.

#include <string>
#include <string_view>
#include <utility>

#include "soak/net/http.h"

namespace soak::peers {

// `parameters` of the type, such as "; charset=utf-8".
inline net::Headers json_headers(std::string_view parameters = {}) {
  net::Headers headers;
  headers.add("Content-Type", std::string("application/json").append(parameters));
  return headers;
}

inline net::HttpResponse json_response(int status, std::string body) {
  return net::HttpResponse(status, std::move(body), json_headers());
}

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_JSON_RESPONSE_H_

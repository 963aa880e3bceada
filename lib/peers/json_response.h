// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_JSON_RESPONSE_H_
#define SOAK_LIB_PEERS_JSON_RESPONSE_H_

#include <string>
#include <utility>

#include "soak/net/http.h"

namespace soak::peers {

inline net::HttpResponse json_response(int status, std::string body) {
  net::Headers headers;
  headers.add("Content-Type", "application/json");
  return net::HttpResponse(status, std::move(body), std::move(headers));
}

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_JSON_RESPONSE_H_

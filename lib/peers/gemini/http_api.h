// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_GEMINI_HTTP_API_H_
#define SOAK_LIB_PEERS_GEMINI_HTTP_API_H_

#include "lib/peers/gemini/service.h"
#include "soak/net/http.h"

namespace soak::peers::gemini {

// What the service answers an HTTP request: POST /v1alpha/auth_tokens makes a token, and all else is not found.
net::HttpResponse answer_request(Service& service, net::HttpServerRequest request);

}  // namespace soak::peers::gemini

#endif  // SOAK_LIB_PEERS_GEMINI_HTTP_API_H_

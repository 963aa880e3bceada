// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_OPENAI_HTTP_API_H_
#define SOAK_LIB_PEERS_OPENAI_HTTP_API_H_

#include "lib/peers/openai/service.h"
#include "soak/net/http.h"

namespace soak::peers::openai {

// What the service answers an HTTP request: POST /v1/realtime/client_secrets makes a secret, and all else is not found.
net::HttpResponse answer_request(Service& service, net::HttpServerRequest request);

}  // namespace soak::peers::openai

#endif  // SOAK_LIB_PEERS_OPENAI_HTTP_API_H_

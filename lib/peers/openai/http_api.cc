// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/openai/http_api.h"

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <utility>

#include "lib/peers/authorization.h"
#include "lib/peers/json_response.h"
#include "lib/peers/openai/admission.h"

namespace soak::peers::openai {
namespace {

net::HttpResponse error_response(int status, const Refusal& refusal) {
  json::Writer body;
  begin_error(body.object().key("error"), refusal);
  return json_response(status, body.end_object().end_object().take());
}

net::HttpResponse make_secret(Service& service, std::string& body) {
  SecretRequest asked = read_secret_request(Field(service.parser.parse(body), {}));
  const auto expires = service.loop.wall_now() + std::chrono::seconds(asked.seconds);
  const std::int64_t expires_at = std::chrono::floor<std::chrono::seconds>(expires).time_since_epoch().count();
  asked.session.id = service.ids.next("sess_");
  asked.session.expires_at = 0;  // It has not begun.
  std::string value = service.ids.next(ClientSecrets::kPrefix);
  json::Writer json;
  json.object().key("value").text(value).key("expires_at").integer(expires_at);
  write_session(json.key("session"), asked.session);
  json.end_object();
  const Instant now = service.loop.now();
  service.client_secrets.add(std::move(value), {now + std::chrono::seconds(asked.seconds), std::move(asked.session)},
                             now);
  ++service.ledger.client_secrets_made;
  return json_response(200, json.take());
}

}  // namespace

net::HttpResponse answer_request(Service& service, net::HttpServerRequest request) {
  if (request.method != "POST" || request.path != "/v1/realtime/client_secrets") {
    service.notices.unknown(fmt::format("{} {}", excerpt(request.method), excerpt(request.path)));
    return error_response(404,
                          {{}, fmt::format("Invalid URL ({} {})", excerpt(request.method), excerpt(request.path)), {}});
  }
  const auto authorization = request.headers.find("Authorization");
  const std::string key = authorization ? std::string(credentials(*authorization, "bearer")) : std::string();
  if (const auto refusal = refuse_key(service, key, false)) {
    ++service.ledger.auth_failures;
    return error_response(401, *refusal);
  }
  if (request.body.empty()) {
    request.body = "{}";  // All of it may be left out.
  }
  try {
    return make_secret(service, request.body);
  } catch (const Refusal& refusal) {
    return error_response(400, refusal);
  }
}

}  // namespace soak::peers::openai

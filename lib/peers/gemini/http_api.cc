// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/gemini/http_api.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <time.h>

#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "lib/json/writer.h"
#include "lib/peers/gemini/admission.h"
#include "lib/peers/gemini/setup.h"
#include "lib/peers/json_response.h"

namespace soak::peers::gemini {
namespace {

using WallTime = std::chrono::system_clock::time_point;

constexpr std::chrono::minutes kNewSessionWithin{1};
constexpr std::chrono::minutes kExpiresAfter{30};

// A Timestamp of protocol buffers, in seconds: "2026-01-31T12:00:00Z".
std::string timestamp(WallTime time) {
  return fmt::format("{:%FT%TZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

// With fractions of a second, which do not count, and in UTC: SDKs send both "Z" and "+00:00".
WallTime read_timestamp(const Field& field) {
  const std::string text(field.string());
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (end != nullptr && *end == '.') {
    do {
      ++end;
    } while (*end >= '0' && *end <= '9');
  }
  const std::string_view zone = end == nullptr ? std::string_view() : std::string_view(end);
  if (zone != "Z" && zone != "+00:00") {
    throw Refusal{"invalid_value",
                  fmt::format("Invalid '{}': expected a time such as 2026-01-31T12:00:00Z.", field.path()),
                  field.path()};
  }
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

net::HttpResponse make_token(Service& service, std::string& body) {
  const Field request(service.parser.parse(body), {}, Spelling::kProto);
  request.object({"name", "uses", "expireTime", "newSessionExpireTime", "bidiGenerateContentSetup", "fieldMask"});
  const WallTime wall = service.loop.wall_now();
  const Instant now = service.loop.now();
  WallTime expires = wall + kExpiresAfter;
  WallTime new_session_until = wall + kNewSessionWithin;
  AuthToken token;
  if (const auto uses = request.find("uses")) {
    token.uses_left = uses->integer(0, std::numeric_limits<std::int32_t>::max());
    token.unlimited = token.uses_left == 0;
  }
  if (const auto time = request.find("expireTime")) {
    expires = read_timestamp(*time);
  }
  if (const auto time = request.find("newSessionExpireTime")) {
    new_session_until = read_timestamp(*time);
  }
  if (const auto setup = request.find("bidiGenerateContentSetup")) {
    // The JavaScript SDK wraps it as it wraps its first message.
    const auto inner = setup->object().find("setup");
    const Field own = inner ? *inner : *setup;
    if (own.find("model")) {
      read_setup(own);
      token.setup = own.json();
    }
  }
  if (const auto mask = request.find("fieldMask"); mask && !mask->string().empty() && !token.setup.empty()) {
    service.notices.not_played("auth_tokens.fieldMask");
  }
  token.expires = now + (expires - wall);
  token.new_session_until = now + (new_session_until - wall);
  std::string name = service.ids.next(AuthTokens::kPrefix);
  json::Writer json;
  json.object().key("name").text(name).key("expireTime").text(timestamp(expires));
  json.key("newSessionExpireTime").text(timestamp(new_session_until)).end_object();
  service.auth_tokens.add(std::move(name), std::move(token), now);
  ++service.ledger.auth_tokens_made;
  return json_response(200, json.take());
}

}  // namespace

net::HttpResponse answer_request(Service& service, net::HttpServerRequest request) {
  std::string_view path = request.path;
  if (path.starts_with("//")) {
    path.remove_prefix(1);  // As in the handshake: after a base URL that ends in a slash.
  }
  // The SDKs' documentation has v1alpha alone; what the service does with v1beta is not known.
  if (request.method != "POST" || path != "/v1alpha/auth_tokens") {
    service.notices.unknown(fmt::format("{} {}", excerpt(request.method), excerpt(request.path)));
    return json_response(404, error_body(404, "NOT_FOUND", "Requested entity was not found."));
  }
  const auto header = request.headers.find("x-goog-api-key");
  const std::string key = header ? std::string(*header) : request.query_value("key");
  if (key.empty() || (!service.options.api_key.empty() && key != service.options.api_key)) {
    ++service.ledger.auth_failures;
    return json_response(400, error_body(400, "INVALID_ARGUMENT", kBadKeyText));
  }
  if (request.body.empty()) {
    request.body = "{}";
  }
  try {
    return make_token(service, request.body);
  } catch (const Refusal& refusal) {
    return json_response(400, error_body(400, "INVALID_ARGUMENT", refusal.message));
  }
}

}  // namespace soak::peers::gemini

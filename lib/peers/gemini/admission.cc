// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/gemini/admission.h"

#include <utility>

#include "lib/json/writer.h"
#include "lib/peers/authorization.h"
#include "lib/peers/json_response.h"

namespace soak::peers::gemini {
namespace {

// The API's versions and methods: an ephemeral token goes with the constrained one.
bool is_served(std::string_view path) {
  constexpr std::string_view kService = "/ws/google.ai.generativelanguage.";
  constexpr std::string_view kMethod = ".GenerativeService.BidiGenerateContent";
  // The JavaScript SDK puts the path after a base URL that ends in a slash.
  if (path.starts_with("//")) {
    path.remove_prefix(1);
  }
  if (!path.starts_with(kService)) {
    return false;
  }
  path.remove_prefix(kService.size());
  const bool known_version = path.starts_with("v1beta.") || path.starts_with("v1alpha.");
  if (!known_version) {
    return false;
  }
  path.remove_prefix(path.find('.'));
  return path == kMethod || path == std::string(kMethod) + "Constrained";
}

// Of the four places in which a key or a token may be, the first that has one.
std::string key_in(const net::HandshakeRequest& request) {
  for (const char* const name : {"key", "access_token"}) {
    if (std::string key = request.query_value(name); !key.empty()) {
      return key;
    }
  }
  if (const auto key = request.headers.find("x-goog-api-key"); key && !key->empty()) {
    return std::string(*key);
  }
  const auto authorization = request.headers.find("Authorization");
  return authorization ? std::string(credentials(*authorization, "token")) : std::string();
}

}  // namespace

std::string error_body(int status, std::string_view name, std::string_view message) {
  json::Writer body;
  body.object().key("error").object().key("code").integer(status);
  body.key("message").text(message).key("status").text(name).end_object().end_object();
  return body.take();
}

Admission admit(Service& service, const net::HandshakeRequest& request) {
  const GeminiLivePeerOptions& options = service.options;
  Admission admission;
  if (!is_served(request.path)) {
    admission.status = 404;
    admission.body = error_body(404, "NOT_FOUND", "Requested entity was not found.");
    return admission;
  }
  const std::string key = key_in(request);
  if (service.auth_tokens.find(key, service.loop.now()) != nullptr) {
    admission.token = key;
    return admission;
  }
  if (!key.empty() && (options.api_key.empty() || key == options.api_key)) {
    return admission;
  }
  admission.key_to_blame = true;
  if (options.bad_key == GeminiBadKeyAnswer::kHttp400) {
    admission.status = 400;
    admission.body = error_body(400, "INVALID_ARGUMENT", kBadKeyText);
  } else if (options.bad_key == GeminiBadKeyAnswer::kHttp403) {
    admission.status = 403;
    admission.body = error_body(403, "PERMISSION_DENIED", kBadKeyText);
  }
  return admission;
}

net::HandshakeReply reply_to(const Admission& admission) {
  if (admission.status == 101) {
    return net::HandshakeReply::accept();
  }
  return net::HandshakeReply::refuse(admission.status, admission.body, json_headers());
}

}  // namespace soak::peers::gemini

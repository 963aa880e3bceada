// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/openai/admission.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "lib/peers/authorization.h"
#include "lib/peers/json_response.h"

namespace soak::peers::openai {
namespace {

constexpr std::string_view kSubprotocol = "realtime";
constexpr std::string_view kKeySubprotocol = "openai-insecure-api-key.";
constexpr std::string_view kBetaSubprotocol = "openai-beta.realtime-v1";
constexpr std::uint16_t kCloseBadKey = 3000;
constexpr std::uint16_t kCloseBadRequest = 4000;

// Enough to know one's own key by, as the service does it.
std::string masked(std::string_view key) {
  constexpr std::size_t kShown = 4;
  std::string shown(key.substr(0, key.size() > 3 * kShown ? kShown : 0));
  for (char& character : shown) {
    if (static_cast<unsigned char>(character) >= 0x80) {
      character = '?';  // Half a character is no UTF-8.
    }
  }
  return shown + "***";
}

Admission refused(Admission admission, int status, std::uint16_t close_code, Refusal refusal) {
  admission.status = status;
  admission.close_code = close_code;
  admission.refusal = std::move(refusal);
  return admission;
}

Admission bad_key(Admission admission, int status, Refusal refusal) {
  admission.key_to_blame = true;
  return refused(std::move(admission), status, kCloseBadKey, std::move(refusal));
}

// The beta, which the service has switched off: by header (github.com/pickle-com/glass/issues/220), or by subprotocol
// where a browser cannot set one (github.com/langwatch/langwatch/pull/7066).
bool speaks_beta(const net::HandshakeRequest& request) {
  if (request.headers.get("OpenAI-Beta").find("realtime=") != std::string::npos) {
    return true;
  }
  return std::find(request.subprotocols.begin(), request.subprotocols.end(), kBetaSubprotocol) !=
         request.subprotocols.end();
}

}  // namespace

std::optional<Refusal> refuse_key(const Service& service, std::string_view key, bool secrets_too) {
  if (key.empty()) {
    return Refusal{{}, "Missing bearer or basic authentication in header", {}};
  }
  const bool is_secret = key.starts_with(ClientSecrets::kPrefix);
  const bool accepted = is_secret ? secrets_too && service.client_secrets.find(key, service.loop.now()) != nullptr
                                  : service.options.api_key.empty() || key == service.options.api_key;
  if (accepted) {
    return std::nullopt;
  }
  return Refusal{"invalid_api_key", fmt::format("Incorrect API key provided: {}.", masked(key)), {}};
}

namespace {

// A session that transcribes has no model of its own, and a model that transcribes no session
// (github.com/openai/openai-python/issues/2253, github.com/maximhq/bifrost/issues/6095).
std::optional<Refusal> refuse_model(const Admission& admission, bool model_in_query) {
  const std::string& model = admission.session.model;
  if (admission.session.transcription) {
    return model_in_query
               ? std::optional(Refusal{{}, "You must not provide a model parameter for transcription sessions.", {}})
               : std::nullopt;
  }
  if (model.empty()) {
    return Refusal{"missing_model", "You must provide a model parameter.", {}};
  }
  if (model.find("transcribe") != std::string::npos || model.find("whisper") != std::string::npos) {
    return Refusal{{},
                   fmt::format("Model {} is a transcription model and cannot be used as the realtime session model. "
                               "Pass this transcription model as audio.input.transcription.model instead.",
                               excerpt(model)),
                   {}};
  }
  return std::nullopt;
}

}  // namespace

Admission admit(const Service& service, const net::HandshakeRequest& request) {
  const OpenAiRealtimePeerOptions& options = service.options;
  Admission admission;
  if (request.path != "/v1/realtime") {
    return refused(std::move(admission), 404, 0, {{}, fmt::format("Invalid URL (GET {})", request.path), {}});
  }

  std::string key;
  bool key_in_subprotocol = false;
  for (const std::string& offered : request.subprotocols) {
    if (offered == kSubprotocol) {
      admission.subprotocol = offered;
    }
    if (!offered.starts_with(kKeySubprotocol)) {
      continue;
    }
    key_in_subprotocol = true;
    key = offered.substr(kKeySubprotocol.size());
  }
  const auto authorization = request.headers.find("Authorization");
  const int bad_key_status = options.bad_key == BadKeyAnswer::kHttp401 ? 401 : 101;
  if (authorization && key_in_subprotocol) {
    const int status = options.both_keys_status == 0 ? bad_key_status : options.both_keys_status;
    return bad_key(std::move(admission), status,
                   {{},
                    "Send the API key either in the Authorization header or in the openai-insecure-api-key "
                    "subprotocol: only one of them.",
                    {}});
  }
  if (authorization) {
    key = credentials(*authorization, "bearer");
  }
  if (std::optional<Refusal> refusal = refuse_key(service, key, true)) {
    return bad_key(std::move(admission), bad_key_status, *std::move(refusal));
  }

  if (speaks_beta(request)) {
    admission.beta_to_blame = true;
    return refused(std::move(admission), 101, kCloseBadRequest,
                   {"beta_api_shape_disabled",
                    "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
                    {}});
  }

  const ClientSecret* const secret = service.client_secrets.find(key, service.loop.now());
  if (secret != nullptr) {
    admission.session = secret->session;
  }
  const std::string model = request.query_value("model");
  admission.sideband = model.empty() && !request.query_value("call_id").empty();
  if (admission.sideband) {
    admission.session.model = "gpt-realtime";  // That of the call, which is not there to ask.
    return admission;
  }
  if (!model.empty()) {
    admission.session.model = model;
  }
  if (request.query_value("intent") == "transcription") {
    admission.session.transcription = true;
  }
  if (std::optional<Refusal> refusal = refuse_model(admission, !model.empty())) {
    return refused(std::move(admission), 101, kCloseBadRequest, *std::move(refusal));
  }
  return admission;
}

std::string close_reason(const Refusal& refusal) {
  return refusal.code.empty() ? "invalid_request_error" : "invalid_request_error." + refusal.code;
}

net::HandshakeReply reply_to(const Admission& admission) {
  if (admission.status == 101) {
    return net::HandshakeReply::accept(admission.subprotocol);
  }
  json::Writer body;
  begin_error(body.object().key("error"), *admission.refusal);
  body.end_object().end_object();
  return net::HandshakeReply::refuse(admission.status, body.take(), json_headers());
}

}  // namespace soak::peers::openai

// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/openai/client_secrets.h"

#include <utility>

namespace soak::peers::openai {
namespace {

constexpr std::int64_t kSecondsMin = 10;
constexpr std::int64_t kSecondsMax = 7200;
constexpr const char* kDefaultModel = "gpt-realtime";

}  // namespace

void ClientSecrets::add(std::string value, ClientSecret secret, Instant now) {
  std::erase_if(secrets_, [now](const auto& one) { return one.second.expires <= now; });
  secrets_.insert_or_assign(std::move(value), std::move(secret));
}

const ClientSecret* ClientSecrets::find(std::string_view value, Instant now) const {
  const auto found = secrets_.find(value);
  return found == secrets_.end() || found->second.expires <= now ? nullptr : &found->second;
}

SecretRequest read_secret_request(const Field& request) {
  request.object({"expires_after", "session"});
  SecretRequest read;
  if (const auto expiry = request.find("expires_after"); expiry && !expiry->is_null()) {
    expiry->object({"anchor", "seconds"});
    if (const auto anchor = expiry->find("anchor")) {
      anchor->one_of({"created_at"});
    }
    if (const auto seconds = expiry->find("seconds")) {
      read.seconds = seconds->integer(kSecondsMin, kSecondsMax);
    }
  }
  read.session.model = kDefaultModel;
  const auto session = request.find("session");
  if (!session || session->is_null()) {
    return read;
  }
  // Here, unlike in an update, the model is the client's to choose.
  if (const auto model = session->object().find("model")) {
    read.session.model = model->string();
  }
  const auto type = session->find("type");
  read.session.transcription = type && type->is_string() && type->string() == "transcription";
  read.session = updated(std::move(read.session), *session, {});
  return read;
}

}  // namespace soak::peers::openai

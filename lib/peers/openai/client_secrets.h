// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_OPENAI_CLIENT_SECRETS_H_
#define SOAK_LIB_PEERS_OPENAI_CLIENT_SECRETS_H_

// The ephemeral keys of POST /v1/realtime/client_secrets: RealtimeCreateClientSecretRequest and -Response of
// github.com/openai/openai-openapi. A secret opens any number of sessions until it expires; they outlive it.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "lib/peers/openai/config.h"
#include "soak/event_loop.h"

namespace soak::peers::openai {

struct ClientSecret {
  Instant expires{};
  SessionConfig session;  // What each of its sessions begins with.
};

class ClientSecrets {
 public:
  static constexpr std::string_view kPrefix = "ek_";

  void add(std::string value, ClientSecret secret, Instant now);
  // Null for what is none, or has expired.
  const ClientSecret* find(std::string_view value, Instant now) const;

 private:
  std::map<std::string, ClientSecret, std::less<>> secrets_;
};

// What a request asks for: how long the secret is valid, and its session, with the default model if none is named.
// Throws Refusal.
struct SecretRequest {
  std::int64_t seconds = 600;
  SessionConfig session;
};
SecretRequest read_secret_request(const Field& request);

}  // namespace soak::peers::openai

#endif  // SOAK_LIB_PEERS_OPENAI_CLIENT_SECRETS_H_

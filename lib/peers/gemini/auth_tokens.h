// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_GEMINI_AUTH_TOKENS_H_
#define SOAK_LIB_PEERS_GEMINI_AUTH_TOKENS_H_

// Ephemeral tokens, as POST /v1alpha/auth_tokens makes them (ai.google.dev, "Ephemeral tokens"; the type
// CreateAuthTokenConfig of github.com/googleapis/js-genai, src/types.ts).

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "soak/event_loop.h"

namespace soak::peers::gemini {

struct AuthToken {
  Instant new_session_until{};  // A minute by default; sessions that are open go on.
  Instant expires{};            // Half an hour by default: no connection is opened after it, and no session resumed.
  std::int64_t uses_left = 1;   // New sessions. Resuming one is no use.
  bool unlimited = false;
  std::string setup;  // In place of the client's, as JSON; empty: the client's.
};

class AuthTokens {
 public:
  static constexpr std::string_view kPrefix = "auth_tokens/";

  void add(std::string name, AuthToken token, Instant now);
  // Null for what is none, or has expired.
  AuthToken* find(std::string_view name, Instant now);

 private:
  std::map<std::string, AuthToken, std::less<>> tokens_;
};

}  // namespace soak::peers::gemini

#endif  // SOAK_LIB_PEERS_GEMINI_AUTH_TOKENS_H_

// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/gemini/auth_tokens.h"

#include <utility>

namespace soak::peers::gemini {

void AuthTokens::add(std::string name, AuthToken token, Instant now) {
  std::erase_if(tokens_, [now](const auto& one) { return one.second.expires <= now; });
  tokens_.insert_or_assign(std::move(name), std::move(token));
}

AuthToken* AuthTokens::find(std::string_view name, Instant now) {
  const auto found = tokens_.find(name);
  return found == tokens_.end() || found->second.expires <= now ? nullptr : &found->second;
}

}  // namespace soak::peers::gemini

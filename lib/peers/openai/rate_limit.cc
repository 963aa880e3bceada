// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/openai/rate_limit.h"

#include <algorithm>

namespace soak::peers::openai {

double RateLimit::tokens_at(Instant now) const {
  const double refilled = std::chrono::duration<double>(now - as_of_).count() * per_second();
  return std::min(tokens_ + refilled, static_cast<double>(limit_));
}

void RateLimit::use(std::int64_t tokens, Instant now) {
  tokens_ = tokens_at(now) - static_cast<double>(tokens);
  as_of_ = now;
}

std::int64_t RateLimit::remaining(Instant now) const {
  return static_cast<std::int64_t>(std::max(tokens_at(now), 0.0));
}

double RateLimit::seconds_until_full(Instant now) const {
  return (static_cast<double>(limit_) - tokens_at(now)) / per_second();
}

double RateLimit::seconds_until_any(Instant now) const { return std::max(1 - tokens_at(now), 0.0) / per_second(); }

}  // namespace soak::peers::openai

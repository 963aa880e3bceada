// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_OPENAI_RATE_LIMIT_H_
#define SOAK_LIB_PEERS_OPENAI_RATE_LIMIT_H_

#include <chrono>
#include <cstdint>

#include "soak/event_loop.h"

namespace soak::peers::openai {

// The tokens that all sessions may use a minute: a bucket that refills evenly. What is used is known only when a
// response is over, so the bucket may go below zero; then it gives none until it is above.
class RateLimit {
 public:
  // 0: no limit.
  explicit RateLimit(std::int64_t tokens_per_minute)
      : limit_(tokens_per_minute), tokens_(static_cast<double>(tokens_per_minute)) {}

  bool is_set() const { return limit_ > 0; }
  std::int64_t limit() const { return limit_; }

  bool exhausted(Instant now) const { return is_set() && tokens_at(now) < 1; }
  void use(std::int64_t tokens, Instant now);

  std::int64_t remaining(Instant now) const;  // At least 0.
  double seconds_until_full(Instant now) const;
  double seconds_until_any(Instant now) const;

 private:
  double per_second() const { return static_cast<double>(limit_) / 60; }
  double tokens_at(Instant now) const;

  std::int64_t limit_;
  double tokens_;  // At `as_of_`.
  Instant as_of_{};
};

}  // namespace soak::peers::openai

#endif  // SOAK_LIB_PEERS_OPENAI_RATE_LIMIT_H_

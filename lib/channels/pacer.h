// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_CHANNELS_PACER_H_
#define SOAK_LIB_CHANNELS_PACER_H_

// When the next request may go out: a pace, and the windows in which there may be none.

#include <algorithm>
#include <chrono>

#include "lib/channels/service.h"
#include "soak/event_loop.h"

namespace soak::channels {

// The generic cell rate algorithm (ITU-T I.371): one request each interval on average, `burst` of them at once after a
// rest.
class Pacer {
 public:
  explicit Pacer(Pace pace) : pace_(pace) {}

  // The earliest instant for the next request.
  Instant ready_at() const { return earliest_ - pace_.interval * (pace_.burst - 1); }
  void sent(Instant now) { earliest_ = std::max(earliest_, now) + pace_.interval; }
  // True once it has nothing to remember.
  bool rested(Instant now) const { return earliest_ <= now; }

 private:
  Pace pace_;
  Instant earliest_{};  // When a burst of one could go.
};

// The time until which a provider wants to hear nothing.
class Window {
 public:
  void close_until(Instant at) { until_ = std::max(until_, at); }
  Instant until() const { return until_; }

 private:
  Instant until_{};
};

}  // namespace soak::channels

#endif  // SOAK_LIB_CHANNELS_PACER_H_

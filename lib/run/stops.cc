// SPDX-License-Identifier: Apache-2.0
#include "lib/run/stops.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "lib/run/read_clock.h"
#include "lib/text/format.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// A busy machine lets a thread wait for a few hundred milliseconds.
constexpr nanoseconds kLate = 1s;
// A process that used more of a core than this while its thread waited did run: the thread was starved by the others.
constexpr int kIdleShare = 10;
// After a stop everything that is overdue comes at once, and connections that the other end gave up turn out to be
// lost.
constexpr nanoseconds kAftermath = 2s;
constexpr std::size_t kShown = 5;

}  // namespace

nanoseconds Stop::covered_to() const { return to + kAftermath; }

Stops::Clocks Stops::clocks(nanoseconds at) {
  return {at, read_clock(CLOCK_PROCESS_CPUTIME_ID), read_clock(CLOCK_BOOTTIME) - read_clock(CLOCK_MONOTONIC)};
}

void Stops::sleeps(const Clocks& now, nanoseconds period) {
  const std::lock_guard lock(mutex_);
  slept_from_ = now;
  period_ = period;
}

void Stops::wakes(const Clocks& now) {
  const std::lock_guard lock(mutex_);
  if (!slept_from_) {
    return;
  }
  const Clocks before = *slept_from_;
  slept_from_.reset();
  const nanoseconds away = now.at - before.at;
  const nanoseconds suspended = now.suspended - before.suspended;
  const bool stopped = away > period_ + kLate && (now.cpu - before.cpu) * kIdleShare < away;
  if (!stopped && suspended <= kLate) {
    return;
  }
  const Stop stop{before.at, now.at, (stopped ? away : 0ns) + std::max(suspended, nanoseconds{0})};
  if (seen_.size() < kStopsMax) {
    seen_.push_back(stop);
  } else {  // The time between counts as well, rather than not to know of the last one.
    seen_.back().to = stop.to;
    seen_.back().lasted += stop.lasted;
  }
}

std::vector<Stop> Stops::all() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

std::string to_string(const std::vector<Stop>& stops) {
  std::string text;
  for (std::size_t i = 0; i < std::min(stops.size(), kShown); ++i) {
    text += fmt::format("{} for {} from {}", i == 0 ? "this process did not run" : ",",
                        text::format_seconds(stops[i].lasted), text::format_clock(stops[i].from));
  }
  if (stops.size() > kShown) {
    const std::size_t more = stops.size() - kShown;
    text += fmt::format(", and {} more {}", more, more == 1 ? "time" : "times");
  }
  return text;
}

}  // namespace soak

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_STATUS_LINE_H_
#define SOAK_LIB_RUN_STATUS_LINE_H_

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/run/counters.h"
#include "soak/growth/verdict.h"

namespace soak {

// What the progress line says of a run that goes on. One thread.
class StatusLine {
 public:
  struct Now {
    std::chrono::nanoseconds at{};
    std::string_view cycle_noun;
    std::uint64_t cycles = 0;
    std::span<const probe::OperationCount> counts = {};
    std::optional<std::int64_t> memory_bytes = {};  // Of a group of processes, in place of RSS.
    std::optional<std::int64_t> rss_bytes = {};
    std::optional<std::int64_t> fds = {};
    std::string_view so_far = {};  // See verdict_so_far().
  };

  // "reconnects=1 frames=250 (25.0/s) rss=8.3 MiB fds=14; so far: no finding". The rates are since the call before, or
  // the start of the run. The text lives until the next call.
  std::string_view text(const Now& now);

 private:
  fmt::memory_buffer line_;
  std::chrono::nanoseconds last_at_{};
  std::array<std::uint64_t, Counters::kCountersMax> last_counts_{};
};

// A verdict in a few words: "no finding", "heap +15.0 MiB per reconnect", "sockets rose 3 -> 61 in 28.8s, allowed +0".
std::string verdict_so_far(const probe::Verdict& verdict);

}  // namespace soak

#endif  // SOAK_LIB_RUN_STATUS_LINE_H_

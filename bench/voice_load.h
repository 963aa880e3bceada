// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_BENCH_VOICE_LOAD_H_
#define SOAK_BENCH_VOICE_LOAD_H_

// What the voice benchmarks measure, for any transport, and how they print it: a JSON object a line.

#include <sys/resource.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "voice_frame.h"

namespace soak::bench {

using Clock = std::chrono::steady_clock;

inline constexpr int kStep = 200;  // Sessions that are added at a time.
inline constexpr std::size_t kConnectsAtOnce = 16;
inline constexpr double kSustained = 0.99;  // Of the nominal frames, sent and received.
inline constexpr std::chrono::seconds kWarm{1};
inline constexpr std::chrono::seconds kWindow{4};

// A window of traffic: how much of what was nominal arrived, and the processor time it took.
class Window {
 public:
  Window(std::uint64_t sent, std::uint64_t received)
      : sent_(sent), received_(received), wall_(Clock::now()), cpu_(cpu_seconds()) {}

  // Prints the row; returns the lesser of the shares sent and received of the frames that `sessions` owed.
  double print(std::string_view task, int sessions, std::uint64_t sent, std::uint64_t received) const {
    const double wall = std::chrono::duration<double>(Clock::now() - wall_).count();
    const double cpu = cpu_seconds() - cpu_;
    const double nominal = sessions * wall / std::chrono::duration<double>(kFrameInterval).count();
    const auto out = static_cast<double>(sent - sent_);
    const auto in = static_cast<double>(received - received_);
    const double share = (out < in ? out : in) / nominal;
    std::printf(
        R"({"task": "%.*s", "sessions": %d, "frames_per_s": %.0f, "share": %.4f, "cpu": %.4f, "cpu_us_per_frame": %.3f})"
        "\n",
        static_cast<int>(task.size()), task.data(), sessions, in / wall, share, cpu / wall, cpu / in * 1e6);
    std::fflush(stdout);
    return share;
  }

 private:
  static double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }

  std::uint64_t sent_;
  std::uint64_t received_;
  Clock::time_point wall_;
  double cpu_;
};

// RSS grew by so many bytes from `few` sessions to `many`.
inline void print_memory(std::size_t few, std::size_t many, double bytes) {
  std::printf(R"({"task": "memory", "sessions": %zu, "bytes_a_session": %.0f})"
              "\n",
              many, bytes / static_cast<double>(many - few));
  std::fflush(stdout);
}

inline void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    // libwebsockets clears tables of as many entries.
    limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

}  // namespace soak::bench

#endif  // SOAK_BENCH_VOICE_LOAD_H_

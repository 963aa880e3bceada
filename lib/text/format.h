// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_TEXT_FORMAT_H_
#define SOAK_LIB_TEXT_FORMAT_H_

// How numbers, sizes, durations and the system's errors read in messages; and durations as numbers of seconds.

#include <chrono>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <string>

namespace soak::text {

constexpr double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

// Rounded. What 292 years or more are is not defined.
inline std::chrono::nanoseconds from_seconds(double seconds) {
  return std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

std::string format_size(double bytes);

// 512 B, 16.0 KiB, -1.5 MiB
template <std::integral Bytes>
std::string format_bytes(Bytes bytes) {
  return format_size(static_cast<double>(bytes));
}

std::string format_duration(std::chrono::nanoseconds time);    // 40ms, 12.5s, 5m00s, 6h00m
std::string format_seconds(std::chrono::nanoseconds time);     // 0.0 s, 90.0 s, 3600.0 s: in the middle of a sentence
std::string format_clock(std::chrono::nanoseconds time);       // 00:41:10; hours run past 24
std::string format_plural(std::uint64_t n, const char* noun);  // 1 cycle, 2 cycles
std::string format_errno(int error);                           // connection refused

}  // namespace soak::text

#endif  // SOAK_LIB_TEXT_FORMAT_H_

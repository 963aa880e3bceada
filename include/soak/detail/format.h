// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_FORMAT_H_
#define SOAK_DETAIL_FORMAT_H_

// How numbers read in soak's messages. Ours: not part of the API.

#include <chrono>
#include <cstdint>
#include <string>

namespace soak::detail {

std::string format_bytes(std::int64_t bytes);                  // 512 B, 16.0 KiB, 1.5 MiB
std::string format_duration(std::chrono::nanoseconds time);    // 40ms, 12.5s, 5m00s, 6h00m
std::string format_clock(std::chrono::nanoseconds time);       // 00:41:10, hours run past 24
std::string format_seconds(std::chrono::nanoseconds time);     // 30.0s, for fields that are compared
std::string format_plural(std::uint64_t n, const char* noun);  // 1 cycle, 2 cycles

}  // namespace soak::detail

#endif  // SOAK_DETAIL_FORMAT_H_

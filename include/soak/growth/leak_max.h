// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_GROWTH_LEAK_MAX_H_
#define SOAK_GROWTH_LEAK_MAX_H_

// The bound that a user asks for: the memory that may leak, per time or per operation.

#include <optional>
#include <string>
#include <string_view>

namespace soak::probe {

struct LeakMax {
  double bytes = 0;
  // What it is per: "s", "h" or "day", or an operation in the singular ("reconnect").
  std::string per;

  bool per_time() const { return per == "s" || per == "h" || per == "day"; }
  double bytes_per_second() const;  // Of one per time.
};

// "10MiB/day", "64B/reconnect", "64B/reconnects": a size of up to 9e18 bytes, fractions included, and what it is per.
// Empty for anything else; kLeakMaxForm says what is expected.
std::optional<LeakMax> parse_leak_max(std::string_view text);

inline constexpr const char* kLeakMaxForm = "a size per s, h, day or operation, such as 10MiB/day or 64B/reconnect";

// "10.0 MiB per day", "64 B per reconnect"
std::string to_string(const LeakMax& max);

}  // namespace soak::probe

#endif  // SOAK_GROWTH_LEAK_MAX_H_

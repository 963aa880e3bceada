// SPDX-License-Identifier: Apache-2.0
#include "soak/detail/format.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>

namespace soak::detail {

std::string format_bytes(std::int64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (std::abs(value) >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string format_duration(std::chrono::nanoseconds time) {
  using namespace std::chrono;
  if (time < 0ns) {
    return "-" + format_duration(-time);
  }
  if (time < 1s) {
    return fmt::format("{}ms", duration_cast<milliseconds>(time).count());
  }
  if (time < 2min) {
    return fmt::format("{:.1f}s", duration<double>(time).count());
  }
  if (time < 1h) {
    return fmt::format("{}m{:02}s", duration_cast<minutes>(time).count(), duration_cast<seconds>(time % 1min).count());
  }
  return fmt::format("{}h{:02}m", duration_cast<hours>(time).count(), duration_cast<minutes>(time % 1h).count());
}

std::string format_clock(std::chrono::nanoseconds time) {
  using namespace std::chrono;
  return fmt::format("{:02}:{:02}:{:02}", duration_cast<hours>(time).count(), duration_cast<minutes>(time % 1h).count(),
                     duration_cast<seconds>(time % 1min).count());
}

std::string format_seconds(std::chrono::nanoseconds time) {
  return fmt::format("{:.1f}s", std::chrono::duration<double>(time).count());
}

std::string format_plural(std::uint64_t n, const char* noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

}  // namespace soak::detail

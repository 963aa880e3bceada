// SPDX-License-Identifier: Apache-2.0
#include "lib/text/format.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <system_error>

#include "lib/text/ascii.h"

namespace soak::text {

std::string format_size(double bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (std::abs(bytes) >= 1024 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
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
    return fmt::format("{}m{:02}s", duration_cast<minutes>(time).count(),
                       duration_cast<std::chrono::seconds>(time % 1min).count());
  }
  return fmt::format("{}h{:02}m", duration_cast<hours>(time).count(), duration_cast<minutes>(time % 1h).count());
}

std::string format_seconds(std::chrono::nanoseconds time) { return fmt::format("{:.1f} s", seconds(time)); }

std::string format_clock(std::chrono::nanoseconds time) {
  using namespace std::chrono;
  return fmt::format("{:02}:{:02}:{:02}", duration_cast<hours>(time).count(), duration_cast<minutes>(time % 1h).count(),
                     duration_cast<std::chrono::seconds>(time % 1min).count());
}

std::string format_plural(std::uint64_t n, const char* noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

std::string format_errno(int error) {
  std::string words = std::generic_category().message(error);
  if (!words.empty()) {
    words[0] = to_lower(words[0]);
  }
  return words;
}

}  // namespace soak::text

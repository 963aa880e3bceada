// SPDX-License-Identifier: Apache-2.0
#include "lib/net/text.h"

#include <fmt/format.h>

#include <system_error>

#include "lib/net/ascii.h"

namespace soak::net {

std::string format_seconds(std::chrono::nanoseconds time) {
  return fmt::format("{:.1f} s", std::chrono::duration<double>(time).count());
}

std::string format_bytes(std::size_t bytes) {
  constexpr double kKibi = 1024.0;
  const auto size = static_cast<double>(bytes);
  if (size < kKibi) {
    return fmt::format("{} bytes", bytes);
  }
  if (size < kKibi * kKibi) {
    return fmt::format("{:.1f} KiB", size / kKibi);
  }
  return fmt::format("{:.1f} MiB", size / (kKibi * kKibi));
}

std::string format_errno(int error) {
  std::string text = std::generic_category().message(error);
  if (!text.empty()) {
    text[0] = to_lower(text[0]);
  }
  return text;
}

}  // namespace soak::net

// SPDX-License-Identifier: Apache-2.0
#include "lib/channels/seconds.h"

#include <charconv>
#include <cmath>
#include <cstdint>

namespace soak::channels {
namespace {

constexpr double kLongest = 365.0 * 24 * 3600;

}  // namespace

std::optional<std::chrono::nanoseconds> to_wait(double seconds) {
  if (!(seconds > 0 && seconds <= kLongest)) {
    return std::nullopt;
  }
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::ceil(seconds * 1e9)));
}

std::optional<std::chrono::nanoseconds> parse_wait(std::string_view text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return to_wait(seconds);
}

std::optional<std::chrono::nanoseconds> retry_after(const net::HttpResponse& response) {
  const auto field = response.headers.find("Retry-After");
  return field ? parse_wait(*field) : std::nullopt;
}

}  // namespace soak::channels

// SPDX-License-Identifier: Apache-2.0
#include "lib/channels/seconds.h"

#include <cmath>
#include <cstdint>

#include "lib/text/number.h"

namespace soak::channels {
namespace {

constexpr double kSecondsMax = 365.0 * 24 * 3600;

}  // namespace

std::optional<std::chrono::nanoseconds> to_wait(double seconds) {
  if (!(seconds > 0 && seconds <= kSecondsMax)) {
    return std::nullopt;
  }
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::ceil(seconds * 1e9)));
}

std::optional<std::chrono::nanoseconds> wait_member(const json::Value& object, std::string_view name) {
  return to_wait(json::number_member(object, name).value_or(0));
}

std::optional<std::chrono::nanoseconds> parse_wait(std::string_view text) {
  return to_wait(text::parse_decimal(text).value_or(0));
}

std::optional<std::chrono::nanoseconds> retry_after(const net::HttpResponse& response) {
  const auto field = response.headers.find("Retry-After");
  return field ? parse_wait(*field) : std::nullopt;
}

}  // namespace soak::channels

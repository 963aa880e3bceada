// SPDX-License-Identifier: Apache-2.0
#include "soak/growth/leak_max.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "lib/text/ascii.h"
#include "lib/text/format.h"
#include "lib/text/number.h"
#include "lib/text/singular.h"

namespace soak::probe {

double LeakMax::bytes_per_second() const { return bytes / (per == "day" ? 86400 : per == "h" ? 3600 : 1); }

std::optional<LeakMax> parse_leak_max(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return std::nullopt;
  }
  const std::optional<std::uint64_t> size = text::parse_size(text.substr(0, slash));
  const std::string_view per = text.substr(slash + 1);
  // The name of an operation, and no second size, rate or sentence.
  const bool named = !per.empty() &&
                     std::all_of(per.begin(), per.end(), [](char c) { return c > ' ' && c != '/' && c != '\x7f'; }) &&
                     (per.front() < '0' || per.front() > '9');
  if (!size || !named) {
    return std::nullopt;
  }
  std::string one = text::singular(per);
  if (one == "second" || one == "hour") {
    one.resize(1);  // "s", "h".
  }
  return LeakMax{static_cast<double>(*size), std::move(one)};
}

std::string to_string(const LeakMax& max) {
  const std::string per = max.per == "s" ? "second" : max.per == "h" ? "hour" : max.per;
  return fmt::format("{} per {}", text::format_size(max.bytes), per);
}

}  // namespace soak::probe

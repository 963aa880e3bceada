// SPDX-License-Identifier: Apache-2.0
#include "lib/probe/process_status.h"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace soak::probe {

std::optional<std::int64_t> bytes_field(std::string_view text, std::string_view label) noexcept {
  const auto at = text.find(label);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  text.remove_prefix(at + label.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::int64_t kib = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), kib);
  return error == std::errc{} ? std::optional<std::int64_t>(kib * 1024) : std::nullopt;
}

std::optional<Memory> memory_of(std::string_view status) noexcept {
  const auto rss = bytes_field(status, "\nVmRSS:");
  const auto swap = bytes_field(status, "\nVmSwap:");
  const auto anonymous = bytes_field(status, "\nRssAnon:");
  const auto files = bytes_field(status, "\nRssFile:");
  const auto shared = bytes_field(status, "\nRssShmem:");
  if (!rss || !swap || !anonymous || !files || !shared) {
    return std::nullopt;
  }
  return Memory{*rss, *swap, *anonymous, *files, *shared};
}

}  // namespace soak::probe

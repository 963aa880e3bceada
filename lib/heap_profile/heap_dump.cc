// SPDX-License-Identifier: Apache-2.0
#include "lib/heap_profile/heap_dump.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace soak::probe {
namespace {

constexpr std::string_view kHeader = "heap_v2/";

std::string_view next_line(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// The number at the start of `text`, which is removed with what separates it from the next one.
std::optional<std::uint64_t> take_number(std::string_view& text, int base) {
  const auto start = text.find_first_not_of(" :");
  text.remove_prefix(start == std::string_view::npos ? text.size() : start);
  if (base == 16 && text.substr(0, 2) == "0x") {
    text.remove_prefix(2);
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{}) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

Alive scaled(std::uint64_t objects, std::uint64_t bytes, std::uint64_t sample_bytes) {
  if (objects == 0 || bytes == 0) {
    return {};
  }
  const double size = static_cast<double>(bytes) / static_cast<double>(objects);
  const double chance = -std::expm1(-size / static_cast<double>(sample_bytes));
  Alive alive;
  alive.objects = static_cast<double>(objects) / chance;
  alive.bytes = static_cast<double>(bytes) / chance;
  alive.bytes_variance = size * alive.bytes * (1 - chance) / chance;
  return alive;
}

Alive alive_in(const HeapDump& dump, const Stack& stack) {
  const auto found = dump.stacks.find(stack);
  return found == dump.stacks.end() ? Alive{} : found->second;
}

}  // namespace

HeapDump parse_heap_dump(std::string_view text) {
  HeapDump dump;
  std::string_view line = next_line(text);
  if (line.substr(0, kHeader.size()) != kHeader) {
    return dump;
  }
  line.remove_prefix(kHeader.size());
  const std::uint64_t sample_bytes = take_number(line, 10).value_or(0);
  if (sample_bytes == 0) {
    return dump;
  }
  dump.sample_bytes = sample_bytes;
  Stack stack;
  while (!text.empty()) {
    line = next_line(text);
    if (line == "MAPPED_LIBRARIES:") {
      break;
    }
    if (line.substr(0, 1) == "@") {
      stack.clear();
      line.remove_prefix(1);
      while (const auto address = take_number(line, 16)) {
        stack.push_back(*address);
      }
    } else if (constexpr std::string_view kAllThreads = "  t*:";
               line.substr(0, kAllThreads.size()) == kAllThreads && !stack.empty()) {
      line.remove_prefix(kAllThreads.size());
      const auto objects = take_number(line, 10);
      const auto bytes = take_number(line, 10);
      if (objects && bytes) {
        dump.stacks[stack] = scaled(*objects, *bytes, sample_bytes);
      }
    }
  }
  return dump;
}

bool GrownStack::is_certain() const { return bytes > 3 * std::sqrt(bytes_variance); }

double GrownStack::rank() const { return late_bytes - std::sqrt(late_variance); }

std::vector<GrownStack> grown(const HeapDump& baseline, const HeapDump& middle, const HeapDump& last) {
  std::vector<GrownStack> result;
  for (const auto& [stack, now] : last.stacks) {
    const Alive then = alive_in(baseline, stack);
    const Alive half_way = alive_in(middle, stack);
    const GrownStack growth{stack,
                            now.bytes - then.bytes,
                            now.objects - then.objects,
                            now.bytes_variance + then.bytes_variance,
                            now.bytes - half_way.bytes,
                            now.bytes_variance + half_way.bytes_variance};
    if (growth.bytes > 0 && growth.late_bytes > 0) {
      result.push_back(growth);
    }
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const GrownStack& a, const GrownStack& b) { return a.rank() > b.rank(); });
  return result;
}

}  // namespace soak::probe

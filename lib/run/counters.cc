// SPDX-License-Identifier: Apache-2.0
#include "lib/run/counters.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

namespace soak {

const Counters::Slot* Counters::find(std::string_view name) const {
  const std::size_t used = used_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < used; ++i) {
    if (slots_[i].name == name) {
      return &slots_[i];
    }
  }
  return nullptr;
}

Counters::Slot& Counters::slot(std::string_view name) {
  if (const Slot* found = find(name)) {
    return const_cast<Slot&>(*found);
  }
  const std::lock_guard lock(mutex_);
  if (const Slot* found = find(name)) {
    return const_cast<Slot&>(*found);
  }
  const std::size_t used = used_.load(std::memory_order_relaxed);
  if (used == kCountersMax) {
    fmt::print(stderr, "Run::count: '{}' would be counter {}; the limit is {} names\n", name, kCountersMax + 1,
               kCountersMax);
    std::abort();
  }
  slots_[used].name = name;
  used_.store(used + 1, std::memory_order_release);
  return slots_[used];
}

void Counters::add(std::string_view name, std::uint64_t n) { slot(name).value.fetch_add(n, std::memory_order_relaxed); }

std::uint64_t Counters::value(std::string_view name) const {
  const Slot* found = find(name);
  return found == nullptr ? 0 : found->value.load(std::memory_order_relaxed);
}

std::vector<report::Counter> Counters::all() const {
  std::vector<report::Counter> counters;
  const std::size_t used = used_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < used; ++i) {
    counters.push_back({slots_[i].name, slots_[i].value.load(std::memory_order_relaxed)});
  }
  return counters;
}

std::size_t Counters::read(std::span<probe::OperationCount> counts) const {
  const std::size_t used = used_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < used; ++i) {
    counts[i] = {slots_[i].name, slots_[i].value.load(std::memory_order_relaxed)};
  }
  return used;
}

}  // namespace soak

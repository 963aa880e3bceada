// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_COUNTERS_H_
#define SOAK_LIB_RUN_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "soak/probe/probe.h"
#include "soak/report/record.h"

namespace soak {

// Named counters that any thread may add to and read. Adding to a counter that exists takes no lock.
class Counters {
 public:
  static constexpr std::size_t kCountersMax = 32;

  // Aborts for a 33rd name: a counter is a kind of event, not one per user or session.
  void add(std::string_view name, std::uint64_t n);
  std::uint64_t value(std::string_view name) const;
  std::vector<report::Counter> all() const;  // In order of first use.
  // The same, into `counts`, which has room for kCountersMax; returns how many. The names live as long as this.
  std::size_t read(std::span<probe::OperationCount> counts) const;

 private:
  struct Slot {
    std::string name;
    std::atomic<std::uint64_t> value{0};
  };
  const Slot* find(std::string_view name) const;
  Slot& slot(std::string_view name);

  std::array<Slot, kCountersMax> slots_;
  std::atomic<std::size_t> used_{0};  // Slots below it are complete and never change their name.
  std::mutex mutex_;                  // Held while a slot is added.
};

}  // namespace soak

#endif  // SOAK_LIB_RUN_COUNTERS_H_

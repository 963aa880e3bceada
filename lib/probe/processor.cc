// SPDX-License-Identifier: Apache-2.0
#include "soak/probe/processor.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "soak/error.h"

namespace soak::probe {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kShortest = kSecond / 10;

std::optional<std::int64_t> read(clockid_t clock) noexcept {
  timespec now{};
  if (::clock_gettime(clock, &now) != 0) {
    return std::nullopt;
  }
  return now.tv_sec * kSecond + now.tv_nsec;
}

}  // namespace

ProcessorUse::ProcessorUse()
    : clock_(CLOCK_PROCESS_CPUTIME_ID), used_ns_(read(clock_).value_or(0)), at_ns_(read(CLOCK_MONOTONIC).value_or(0)) {}

ProcessorUse::ProcessorUse(ProcessId id) : clock_(CLOCK_PROCESS_CPUTIME_ID) {
  // Of a larger number, the clock's id would lose bits, and be the clock of another process.
  constexpr int kMost = 1 << 22;  // The kernel's own limit.
  const int error = id.value < 1 || id.value > kMost ? ESRCH : ::clock_getcpuclockid(id.value, &clock_);
  const std::optional<std::int64_t> used = error == 0 ? read(clock_) : std::nullopt;
  if (!used) {
    throw Error(Errc::kSystem, fmt::format("process {}: its processor time cannot be read: {}", id.value,
                                           std::strerror(error != 0 ? error : errno)));
  }
  used_ns_ = *used;
  at_ns_ = read(CLOCK_MONOTONIC).value_or(0);
}

std::int64_t ProcessorUse::millicores() noexcept {
  const std::optional<std::int64_t> used = read(clock_);
  const std::int64_t at = read(CLOCK_MONOTONIC).value_or(at_ns_);
  if (!used) {
    return 0;
  }
  if (at - at_ns_ >= kShortest) {
    latest_ = (*used - used_ns_) * 1000 / (at - at_ns_);
    used_ns_ = *used;
    at_ns_ = at;
  }
  return latest_;
}

}  // namespace soak::probe

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_READ_CLOCK_H_
#define SOAK_LIB_RUN_READ_CLOCK_H_

#include <time.h>

#include <chrono>

namespace soak {

// One of the kernel's clocks: of a thread, of this process, of a machine that may have slept.
inline std::chrono::nanoseconds read_clock(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace soak

#endif  // SOAK_LIB_RUN_READ_CLOCK_H_

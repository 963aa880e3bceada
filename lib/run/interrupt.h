// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_INTERRUPT_H_
#define SOAK_LIB_RUN_INTERRUPT_H_

#include <signal.h>

namespace soak {

// While one lives, the first SIGINT or SIGTERM is noted instead of ending the process; a second one does what it
// did before. One at a time; a nested one changes nothing.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  // The signal that came, or 0.
  static int signal();

 private:
  bool owner_ = false;
};

}  // namespace soak

#endif  // SOAK_LIB_RUN_INTERRUPT_H_

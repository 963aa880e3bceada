// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PROBE_PACE_H_
#define SOAK_LIB_PROBE_PACE_H_

#include <chrono>

namespace soak::probe {

// Keeps a reading within its share of a core: one that has cost more than that comes less often.
class Pace {
 public:
  // `share` 0 is no limit. `at_hand` may be spent beyond it, so that a short run has readings at all.
  void limit(double share, std::chrono::nanoseconds at_hand) {
    share_ = share;
    at_hand_ = at_hand;
  }

  // May another reading, which will cost what the last one did, be taken at this time since the start of the run?
  bool allows(std::chrono::nanoseconds at) const {
    if (share_ == 0) {
      return true;
    }
    const std::chrono::duration<double, std::nano> earned = at * share_;
    return spent_ + last_ <= earned + at_hand_;
  }

  void spend(std::chrono::nanoseconds cost) {
    spent_ += cost;
    last_ = cost;
  }

 private:
  double share_ = 0;
  std::chrono::nanoseconds at_hand_{};
  std::chrono::nanoseconds spent_{};
  std::chrono::nanoseconds last_{};
};

}  // namespace soak::probe

#endif  // SOAK_LIB_PROBE_PACE_H_

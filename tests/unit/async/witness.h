// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_ASYNC_WITNESS_H_
#define SOAK_TESTS_UNIT_ASYNC_WITNESS_H_

#include <memory>

namespace soak {

// A local whose destructor shows: `alive` counts those that exist. It holds memory, so that a frame that is
// never destroyed, or twice, is also seen by AddressSanitizer.
class Witness {
 public:
  explicit Witness(int& alive) : alive_(alive), memory_(std::make_unique<int>(0)) { ++alive_; }
  ~Witness() { --alive_; }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

 private:
  int& alive_;
  std::unique_ptr<int> memory_;
};

}  // namespace soak

#endif  // SOAK_TESTS_UNIT_ASYNC_WITNESS_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_SEMAPHORE_H_
#define SOAK_SEMAPHORE_H_

// Limits how many tasks may do something at once: uploads, connections, calls to a provider.
//
//   Semaphore uploads(8);
//   const Permit permit = co_await uploads.acquire();   // Returned at the end of the scope.
//
// Waiting tasks get permits in the order in which they arrived. A task that is destroyed after its wake-up but before
// its turn passes its permit on. Use a semaphore only on the loop, and the thread, of the tasks that wait on it.

#include <cstddef>
#include <optional>
#include <source_location>

#include "soak/detail/intrusive_list.h"
#include "soak/detail/permit.h"
#include "soak/task.h"

namespace soak {

class Semaphore {
 public:
  // Throws Error(Errc::kInvalidArgument) if `permits` is 0.
  explicit Semaphore(std::size_t permits);
  // Aborts if a task is waiting for a permit, unless an exception or a forced end is destroying that task too. Permits
  // that are still held become invalid, and releasing them has no effect.
  ~Semaphore();
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  // Waits until a permit is free.
  [[nodiscard]] detail::PermitWait acquire(std::source_location where = std::source_location::current()) noexcept {
    return detail::PermitWait(*this, where);
  }
  // Returns a permit if one is free and no task waits for it; does not wait.
  [[nodiscard]] std::optional<Permit> try_acquire() noexcept;

  std::size_t available() const noexcept { return available_; }
  std::size_t permits() const noexcept { return permits_; }

 private:
  friend class detail::GatherState;
  friend class detail::PermitHolder;
  friend class detail::PermitWait;

  bool take() noexcept;
  void put_back() noexcept;

  std::size_t permits_;
  std::size_t available_;
  detail::List<detail::PermitWaiter, detail::WaiterTag> waiters_;
  detail::List<detail::PermitWaiter, detail::WaiterTag> granted_;  // Woken, but their turn is yet to come.
  detail::List<detail::PermitHolder, detail::HolderTag> holders_;
  int exceptions_when_built_;
};

// One permit of a Semaphore. A moved-from Permit holds nothing.
class [[nodiscard]] Permit {
 public:
  // Returns the permit before the end of the scope.
  void release() noexcept { holder_.give_back_all(); }
  bool held() const noexcept { return holder_.count() > 0; }

 private:
  friend class Semaphore;
  friend class detail::PermitWait;
  Permit() noexcept = default;
  explicit Permit(Semaphore& semaphore) noexcept { holder_.add(semaphore); }

  detail::PermitHolder holder_;
};

}  // namespace soak

#endif  // SOAK_SEMAPHORE_H_

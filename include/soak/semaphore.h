// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_SEMAPHORE_H_
#define SOAK_SEMAPHORE_H_

// Permits for what only so many may do at once: uploads, connections, calls to a provider.
//
//   Semaphore uploads(8);
//   const Permit permit = co_await uploads.acquire();   // Given back at the end of the scope.
//
// Permits go to those who wait in the order of their coming. A task that is destroyed between its wake-up and its
// turn passes its permit on. It belongs to the loop, and the thread, of those who wait on it.

#include <cstddef>
#include <optional>
#include <source_location>

#include "soak/detail/intrusive_list.h"
#include "soak/detail/permit.h"
#include "soak/task.h"

namespace soak {

class Semaphore {
 public:
  // Throws Error(Errc::kInvalidArgument) for a semaphore without permits.
  explicit Semaphore(std::size_t permits);
  // Aborts while somebody waits for a permit, unless an exception or a force is ending them too. Permits that are out
  // are forgotten: giving them back has no effect then.
  ~Semaphore();
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  // A permit, as soon as there is one.
  [[nodiscard]] detail::PermitWait acquire(std::source_location where = std::source_location::current()) noexcept {
    return detail::PermitWait(*this, where);
  }
  // A permit, if there is one that nobody waits for.
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
  detail::List<detail::PermitWaiter, detail::WaiterTag> granted_;  // Woken, and not had their turn.
  detail::List<detail::PermitHolder, detail::HolderTag> holders_;
  int exceptions_when_built_;
};

// One permit. Moved from, it holds none.
class [[nodiscard]] Permit {
 public:
  // Gives it back before the end of its scope.
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

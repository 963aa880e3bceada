// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_PERMIT_H_
#define SOAK_DETAIL_PERMIT_H_

// The machinery of Semaphore: permits that are held, and waits for one.

#include <coroutine>
#include <cstddef>
#include <source_location>
#include <type_traits>

#include "soak/detail/intrusive_list.h"
#include "soak/detail/loop_core.h"

namespace soak {

class Permit;
class Semaphore;

namespace detail {

class GatherState;
struct HolderTag;
struct WaiterTag;

// Held permits. A semaphore that is destroyed first, because everything is being torn down, makes them invalid.
class PermitHolder : public Link<HolderTag> {
 public:
  PermitHolder() noexcept = default;
  PermitHolder(PermitHolder&& other) noexcept;
  PermitHolder& operator=(PermitHolder&& other) noexcept;
  ~PermitHolder() { give_back_all(); }

  // `semaphore` has already taken the permit off its count.
  void add(Semaphore& semaphore) noexcept;
  void give_back() noexcept;
  void give_back_all() noexcept;
  std::size_t count() const noexcept { return count_; }
  void forget() noexcept { count_ = 0; }

 private:
  Semaphore* semaphore_ = nullptr;
  std::size_t count_ = 0;
};

// An entry of a semaphore's queue: a task, or a gather that will start a child with the permit.
class PermitWaiter : public Link<WaiterTag> {
 public:
  // Called after the permit was taken off the count and the waiter has left the queue.
  virtual void granted() noexcept = 0;
  virtual const LoopCore& loop() const noexcept = 0;

 protected:
  PermitWaiter() = default;
  PermitWaiter(const PermitWaiter&) = default;
  PermitWaiter& operator=(const PermitWaiter&) = default;
  ~PermitWaiter() = default;
};

class PermitWait final : public Awaitable, public PermitWaiter {
 public:
  PermitWait(Semaphore& semaphore, std::source_location where) noexcept : Awaitable(where), semaphore_(&semaphore) {}

  bool await_ready() noexcept;
  void await_suspend(std::coroutine_handle<> frame) noexcept;
  Permit await_resume();
  const char* awaiting() const noexcept override { return "semaphore"; }
  void unlink() noexcept override { Link<WaiterTag>::unlink(); }
  void abandoned() noexcept override;
  void granted() noexcept override;
  const LoopCore& loop() const noexcept override { return *root().loop; }

  // The semaphore is gone: if the task still continues, it gets an empty permit.
  void forget() noexcept {
    Link<WaiterTag>::unlink();
    semaphore_ = nullptr;
  }

 private:
  // True if a permit is reserved for it and its semaphore still exists.
  bool unlink_from_granted() noexcept {
    const bool stood = Link<WaiterTag>::linked();
    Link<WaiterTag>::unlink();
    return stood;
  }

  Semaphore* semaphore_;
};
static_assert(std::is_trivially_destructible_v<PermitWait>);

}  // namespace detail
}  // namespace soak

#endif  // SOAK_DETAIL_PERMIT_H_

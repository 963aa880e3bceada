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

#include <coroutine>
#include <cstddef>
#include <optional>
#include <source_location>
#include <type_traits>

#include "soak/detail/loop_core.h"
#include "soak/task.h"

namespace soak {

class Semaphore;

namespace detail {

class GatherState;
struct HolderTag;
struct WaiterTag;

// Permits that somebody has. A semaphore that goes first, because all of it is being taken apart, forgets them.
class PermitHolder : public Link<HolderTag> {
 public:
  PermitHolder() noexcept = default;
  PermitHolder(PermitHolder&& other) noexcept;
  PermitHolder& operator=(PermitHolder&& other) noexcept;
  ~PermitHolder() { give_back_all(); }

  // `semaphore` has counted the permit out.
  void add(Semaphore& semaphore) noexcept;
  void give_back() noexcept;
  void give_back_all() noexcept;
  std::size_t count() const noexcept { return count_; }
  void forget() noexcept { count_ = 0; }

 private:
  Semaphore* semaphore_ = nullptr;
  std::size_t count_ = 0;
};

// Who stands in a semaphore's queue: a task, or a gather that starts a child with the permit.
class PermitWaiter : public Link<WaiterTag> {
 public:
  // The permit is counted out, and the waiter has left the queue.
  virtual void granted() noexcept = 0;
  virtual const LoopCore& loop() const noexcept = 0;

 protected:
  PermitWaiter() = default;
  PermitWaiter(const PermitWaiter&) = default;
  PermitWaiter& operator=(const PermitWaiter&) = default;
  ~PermitWaiter() = default;
};

class PermitWait;

}  // namespace detail

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

namespace detail {

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

  // The semaphore is gone: the task, if it still goes on, gets a permit that holds none.
  void forget() noexcept {
    Link<WaiterTag>::unlink();
    semaphore_ = nullptr;
  }

 private:
  // Whether a permit was set aside for it, and its semaphore is there.
  bool unlink_from_granted() noexcept {
    const bool stood = Link<WaiterTag>::linked();
    Link<WaiterTag>::unlink();
    return stood;
  }

  Semaphore* semaphore_;
};
static_assert(std::is_trivially_destructible_v<PermitWait>);

}  // namespace detail

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

}  // namespace soak

#endif  // SOAK_SEMAPHORE_H_

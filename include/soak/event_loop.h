// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_EVENT_LOOP_H_
#define SOAK_EVENT_LOOP_H_

// The loop that runs tasks: its time, its chance, its census.
//
// There are two forms behind one interface. UvLoop runs in real time on libuv. VirtualLoop has no sockets: when
// nothing is ready its clock jumps to the next timer, so a day passes in seconds, and the same seed gives the
// same run every time. What takes its time (now, wall_now) and its randomness (random) from the loop works on both.
//
// A loop belongs to one thread: the one that calls run(), and until then the one that built it. post() and
// live_tasks() are all that another thread may call. Tasks resume only on the loop's own turn, never inside a
// library's callback. A turn runs what was ready when it began, in that order, then the timers that fell due.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <source_location>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

#include "soak/detail/clock.h"  // LoopClock, Instant
#include "soak/detail/loop_core.h"

struct uv_loop_s;

namespace soak {

template <typename T>
class Task;

// One row of the census: a task that was started and has not ended.
struct TaskReport {
  std::string name;
  std::string awaiting;        // "event", "sleep", "drain"; "its turn" once it can go on.
  std::source_location where;  // The co_await at which it stands.
  Instant since;               // When it came there.
};

// "session-3 awaits event at pusher.cc:41 since 12.500 s"
std::string to_string(const TaskReport& report);

class EventLoop {
 public:
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  // Aborts, naming them, while tasks are left: the groups on a loop go before it.
  virtual ~EventLoop();

  // Time since the loop was built. On a UvLoop each call reads the clock.
  Instant now() const { return core_.now(); }
  std::chrono::nanoseconds elapsed() const { return now().time_since_epoch(); }

  // What a clock on the wall would say: for session expiry and rate-limit resets, not for measuring.
  virtual std::chrono::system_clock::time_point wall_now() const = 0;

  // All chance (jitter, ids, masks) comes from here, so that a seed repeats a run. On the loop's thread.
  std::mt19937_64& random() { return random_; }

  virtual bool is_virtual() const = 0;

  // Runs `task` at once, and the loop until it ends; returns its result or throws what it threw. In the census it is
  // called "main". Tasks of groups that outlive it stay where they are until the next run(). A nested run() aborts.
  template <typename T>
  T run(Task<T> task);
  void run(Task<void> task);

  // Has the loop call `function` on its next turn, or when it runs again. The only call for other threads; on a
  // VirtualLoop it throws Error there, because such a run could not be repeated. `function` must not throw.
  void post(std::function<void()> function);

  // Tasks started and not ended, "main" among them. From any thread.
  std::size_t live_tasks() const { return core_.live(); }

  // Every live task: a parent before the tasks of the groups it built.
  std::vector<TaskReport> tasks() const;

  // Blocking calls that still run though their task was destroyed, under its name. See run_blocking.h.
  std::vector<TaskReport> stragglers() const;

  // Handles that are being closed and are not closed yet. Walks all handles: for quiescent points, not for frames.
  virtual std::size_t closing_handles() const = 0;

  // The one T of this loop, built as T(EventLoop&) when it is first asked for: what a module keeps per loop, such
  // as a library's context. Services end with the loop, the latest first, while a UvLoop can still close handles.
  template <typename T>
  T& service();

  detail::LoopCore& core() { return core_; }

 protected:
  EventLoop(bool real, bool shuffle, std::uint64_t seed);

  // Called when a turn has ended. Waits for more to do unless there is something to do already, and wakes
  // the tasks whose time has come.
  virtual void wait() = 0;

  // Makes wait() return, from another thread.
  virtual void interrupt_wait() {}

  // Both forms' destructors begin with it.
  void end_services() noexcept;

  bool has_work() const { return core_.has_ready() || posted_pending_.load(std::memory_order_acquire); }

  detail::LoopCore core_;

 private:
  void run_posted();

  struct Service {
    std::type_index type;
    std::unique_ptr<void, void (*)(void*)> instance;
  };

  std::mt19937_64 random_;
  std::vector<Service> services_;
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
  std::atomic<bool> posted_pending_ = false;
};

template <typename T>
T& EventLoop::service() {
  for (const Service& service : services_) {
    if (service.type == typeid(T)) {
      return *static_cast<T*>(service.instance.get());
    }
  }
  std::unique_ptr<void, void (*)(void*)> instance(new T(*this), [](void* made) { delete static_cast<T*>(made); });
  services_.push_back({typeid(T), std::move(instance)});
  return *static_cast<T*>(services_.back().instance.get());
}

struct VirtualLoopOptions {
  std::uint64_t seed = 0;
  bool shuffle = false;  // Picks among the ready by the seed, to shake ordering bugs out.
  std::chrono::system_clock::time_point wall_start = std::chrono::sys_days{std::chrono::January / 1 / 2026};
};

// Virtual time. When every task waits and no timer is left, run() throws Error(Errc::kStuck), which names each
// task, what it awaits, where, and since when; the task given to run() is destroyed where it stands.
class VirtualLoop final : public EventLoop {
 public:
  explicit VirtualLoop(VirtualLoopOptions options = {});
  ~VirtualLoop() override;

  std::chrono::system_clock::time_point wall_now() const override;
  bool is_virtual() const override { return true; }
  std::size_t closing_handles() const override { return 0; }

  // From now on appends a line to `log` for each task that starts, runs on, ends or is destroyed:
  // "12.500000000 run session-3 event". The same seed gives the same log, byte for byte. Null ends it.
  void record_events(std::string* log) noexcept { core_.event_log = log; }

 private:
  void wait() override;

  std::chrono::system_clock::time_point wall_start_;
};

struct UvLoopOptions {
  std::uint64_t seed = 0;
};

// Real time, on a libuv loop of its own. Throws Error(Errc::kSystem) when the system grants none.
class UvLoop final : public EventLoop {
 public:
  explicit UvLoop(UvLoopOptions options = {});
  // Gives blocking calls five seconds to return, then aborts naming those that did not. Turns the loop until all that
  // was being closed is closed, then aborts, naming their types, if handles are left.
  ~UvLoop() override;

  std::chrono::system_clock::time_point wall_now() const override;
  bool is_virtual() const override { return false; }
  std::size_t closing_handles() const override;

  // For libraries that bring their own handles. Their callbacks may set an Event; they never run a task.
  uv_loop_s* handle();

 private:
  struct Handles;

  void await_pool() noexcept;
  void wait() override;
  void interrupt_wait() override;

  std::unique_ptr<Handles> handles_;
};

}  // namespace soak

#endif  // SOAK_EVENT_LOOP_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_EVENT_LOOP_H_
#define SOAK_EVENT_LOOP_H_

// The loop that runs tasks. It provides the time, randomness and a census of tasks.
//
// Two loops share one interface. UvLoop runs in real time on libuv. VirtualLoop has no sockets: when nothing is ready,
// its clock jumps to the next timer. So a day passes in seconds, and the same seed gives the same run every time. Code
// that takes time (now, wall_now) and randomness (random) from the loop works on both.
//
// A loop belongs to one thread: the one that calls run(), or before that the one that built it. Another thread may call
// only post() and live_tasks(). Tasks resume only on the loop's own turn, never inside a library's callback. A turn
// runs the tasks that were ready when it began, in that order, and then the timers that are due.

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

// One row of the census: a task that has started and not ended.
struct TaskReport {
  std::string name;
  std::string awaiting;        // "event", "sleep", "drain"; "its turn" once it is ready to run.
  std::source_location where;  // The co_await that it is suspended at.
  Instant since;               // When it got there.
};

// "session-3 awaits event at pusher.cc:41 since 12.500 s"
std::string to_string(const TaskReport& report);

class EventLoop {
 public:
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  // Aborts and names the tasks that are left, if any: destroy the groups on a loop before it.
  virtual ~EventLoop();

  // The time since the loop was built. On a UvLoop, each call reads the clock.
  Instant now() const { return core_.now(); }
  std::chrono::nanoseconds elapsed() const { return now().time_since_epoch(); }

  // Wall-clock time, for session expiry and rate-limit resets. Do not measure with it.
  virtual std::chrono::system_clock::time_point wall_now() const = 0;

  // The source of all randomness (jitter, ids, masks), so that a seed reproduces a run. Use it on the loop's thread.
  std::mt19937_64& random() { return random_; }

  virtual bool is_virtual() const = 0;

  // Runs `task` at once, and the loop until the task ends. Returns its result or rethrows its exception. The census
  // calls it "main". Tasks of groups that outlive it are suspended until the next run(). A nested run() aborts.
  template <typename T>
  T run(Task<T> task);
  void run(Task<void> task);

  // Makes the loop call `function` on its next turn, or when it runs again. This is the way to reach the loop from
  // another thread. From another thread, a VirtualLoop throws Error, because such a run could not be reproduced.
  // `function` must not throw.
  void post(std::function<void()> function);

  // How many tasks have started and not ended, including "main". Call it from any thread.
  std::size_t live_tasks() const { return core_.live(); }

  // Every live task. A parent comes before the tasks of the groups that it built.
  std::vector<TaskReport> tasks() const;

  // Blocking calls that are still running after their task was destroyed, under that task's name. See run_blocking.h.
  std::vector<TaskReport> stragglers() const;

  // Handles whose close is still in progress. Walks all handles, so call it at quiescent points, not per frame.
  virtual std::size_t closing_handles() const = 0;

  // The single T of this loop, built as T(EventLoop&) at the first call. A module keeps its state per loop in it, such
  // as a library's context. Services are destroyed with the loop, newest first, while a UvLoop can still close handles.
  template <typename T>
  T& service();

  detail::LoopCore& core() { return core_; }

 protected:
  EventLoop(bool real, bool shuffle, std::uint64_t seed);

  // Called at the end of a turn. Waits for work unless there is some already, and wakes the tasks whose timers are due.
  virtual void wait() = 0;

  // Makes wait() return, from another thread.
  virtual void interrupt_wait() {}

  // Both derived destructors begin with it.
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
  bool shuffle = false;  // Runs ready tasks in an order drawn from the seed, to expose ordering bugs.
  std::chrono::system_clock::time_point wall_start = std::chrono::sys_days{std::chrono::January / 1 / 2026};
};

// Runs in virtual time. If every task waits and no timer is left, run() throws Error(Errc::kStuck). The error names
// each task, what it awaits, where, and since when. The task given to run() is destroyed where it stands.
class VirtualLoop final : public EventLoop {
 public:
  explicit VirtualLoop(VirtualLoopOptions options = {});
  ~VirtualLoop() override;

  std::chrono::system_clock::time_point wall_now() const override;
  bool is_virtual() const override { return true; }
  std::size_t closing_handles() const override { return 0; }

  // From now on, appends a line to `log` whenever a task starts, resumes, ends or is destroyed:
  // "12.500000000 run session-3 event". The same seed gives the same log, byte for byte. Pass null to stop.
  void record_events(std::string* log) noexcept { core_.event_log = log; }

 private:
  void wait() override;

  std::chrono::system_clock::time_point wall_start_;
};

struct UvLoopOptions {
  std::uint64_t seed = 0;
};

// Runs in real time, on its own libuv loop. Throws Error(Errc::kSystem) if the system cannot create one.
class UvLoop final : public EventLoop {
 public:
  explicit UvLoop(UvLoopOptions options = {});
  // Waits up to five seconds for blocking calls, then aborts and names those that have not returned. Runs the loop
  // until all closing handles are closed, then aborts and names the types of any handles that are left.
  ~UvLoop() override;

  std::chrono::system_clock::time_point wall_now() const override;
  bool is_virtual() const override { return false; }
  std::size_t closing_handles() const override;

  // For libraries with their own handles. Their callbacks may set an Event; they never run a task.
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

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_LOOP_CORE_H_
#define SOAK_DETAIL_LOOP_CORE_H_

// What a loop, its groups and its tasks know of each other.
//
// A started task has one Root, in the promise of its outermost frame, and waits on at most one Awaitable, in
// its innermost frame. While it waits, its Root stands in the wait list of what it awaits; once woken, in the
// loop's ready queue. Both use the same link, so nothing here allocates.
//
// Awaitables have trivial destructors. A suspended frame dies only with its Root, and the loop takes the
// Root out of every list and timer first, so no frame depends on the order in which it is taken apart.

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <string>
#include <thread>
#include <vector>

#include "soak/detail/clock.h"
#include "soak/detail/intrusive_list.h"
#include "soak/detail/task_name.h"
#include "soak/detail/throw_cancelled.h"
#include "soak/detail/timer_heap.h"
#include "soak/error.h"

namespace soak {

class EventLoop;
struct TaskReport;

namespace detail {

class Awaitable;
class BlockingCall;
class GroupObserver;
class LoopCore;
struct GroupState;
struct QueueDepth;
struct QueueTag;
struct MemberTag;
struct StragglerTag;

// Ends the process over a broken contract: `message` is all that anyone will see.
[[noreturn]] void contract_broken(const std::string& message) noexcept;

// Whether the exception being handled is Cancelled; asked in a catch block.
bool handling_cancelled() noexcept;

enum class RootState : std::uint8_t { kNew, kReady, kParked, kRunning };
enum class Wake : std::uint8_t { kEvent, kTimeout, kCancel };

// The record of a started task. In a frame that is merely awaited it is there, and unused.
struct Root : Link<QueueTag>, Link<MemberTag> {
  static constexpr std::uint32_t kNotPooled = 0xffffffff;

  LoopCore* loop = nullptr;
  GroupState* group = nullptr;           // Null for the task that run() was given.
  GroupState* children = nullptr;        // The groups built by this task, see GroupState.
  Awaitable* leaf = nullptr;             // While parked, and until it goes on.
  std::coroutine_handle<> resume_point;  // The innermost frame.
  TaskName name;
  std::source_location where;  // Of the latest await, or of the start.
  Instant since{};             // Of the latest await, or of the start.
  std::uint32_t pool_index = kNotPooled;
  std::uint32_t requests = 0;  // To cancel it, so far.
  RootState state = RootState::kNew;
  Wake woken_by = Wake::kEvent;
  TaskKind kind = TaskKind::kLifetime;
  bool cancel_pending : 1 = false;    // Asked for, and not yet delivered.
  bool cancel_delivered : 1 = false;  // Some await has thrown Cancelled.
  bool ended_cancelled : 1 = false;   // Cancelled left the task.
  bool is_one_wait : 1 = false;       // Ends with its only wait, so cancelling it takes no exception.
  bool is_external : 1 = false;       // An ExternalRoot.

  void leave_queue() noexcept { Link<QueueTag>::unlink(); }
  void leave_group() noexcept { Link<MemberTag>::unlink(); }

  // From parked to ready: ends the wait, and leaves whatever the leaf had entered.
  void wake(Wake why) noexcept;
  // The same, where the leaf has entered nothing.
  void make_ready(Wake why) noexcept;

  // The first of a wake-up and a request wins: a task that is ready already gets the request at its next await.
  void request_cancel() noexcept;
  // A wait that has just thrown Cancelled hands on what it waited for all the same: the request comes at the next
  // await.
  void put_off_cancel(bool delivered_before) noexcept {
    cancel_pending = true;
    cancel_delivered = delivered_before;
  }

  std::coroutine_handle<> frame() noexcept;
  TaskReport report() const;
};

// The record of a task whose result is not void: the code that started the task owns it and waits for the result.
struct ExternalRoot : Root {
  // Written out, so that a new one is not cleared before its members are set.
  ExternalRoot() noexcept {}  // NOLINT(modernize-use-equals-default)

  std::coroutine_handle<> outermost;
};

using WaitList = List<Root, QueueTag>;

inline void wake_all(WaitList& waiters) noexcept {
  while (!waiters.empty()) {
    waiters.front().wake(Wake::kEvent);
  }
}

// For a frame that returned to its caller neither done nor waiting.
[[noreturn]] void frame_went_astray(const Root& root) noexcept;

std::string names_of(const WaitList& waiters);

// The base of all that a Task can wait on. The promise calls attach() before anything else.
class Awaitable {
 public:
  void attach(Root& root) noexcept {
    root.where = where_;
    root_ = &root;
  }

  // What the census says: "event", "sleep".
  virtual const char* awaiting() const noexcept = 0;

  // Leaves the wait list and the timer, where there are such.
  virtual void unlink() noexcept = 0;

  // Whether a cancellation ends this wait. A call that runs on a pool thread goes on.
  virtual bool ends_when_cancelled() noexcept { return true; }

  // The task was woken, and is destroyed before it went on: what the wake-up gave it is for someone else.
  virtual void abandoned() noexcept {}

 protected:
  explicit Awaitable(std::source_location where) noexcept : where_(where) {}
  Awaitable(const Awaitable&) = default;
  Awaitable& operator=(const Awaitable&) = default;
  ~Awaitable() = default;

  Root& root() const noexcept { return *root_; }

  // For await_ready: a request that came before the wait ends it before it begins.
  bool cancelled_on_arrival() noexcept {
    root_->woken_by = root_->cancel_pending ? Wake::kCancel : Wake::kEvent;
    return root_->woken_by == Wake::kCancel;
  }

  // For await_suspend: from running to parked.
  void park(std::coroutine_handle<> frame) noexcept;

  // For await_resume: throws Cancelled when that ended the wait.
  [[gnu::always_inline]] Wake outcome() {
    Root& root = *root_;
    where_ = root.where;
    if (root.woken_by == Wake::kCancel) {
      root.cancel_pending = false;
      root.cancel_delivered = true;
      if (!root.is_one_wait) {
        throw_cancelled();
      }
    }
    return root.woken_by;
  }

 private:
  // While it is awaited, its Root keeps the place.
  union {
    std::source_location where_;
    Root* root_;
  };
};

// A wait that a timer can end. It can be in one wait list at the same time.
class TimedAwaitable : public Awaitable, public TimerNode {
 public:
  void unlink() noexcept override;
  void expire() noexcept override;

 protected:
  TimedAwaitable(std::chrono::nanoseconds delay, std::source_location where) noexcept
      : Awaitable(where), relative_(true), delay_(delay) {}
  TimedAwaitable(Instant at, std::source_location where) noexcept
      : Awaitable(where), relative_(false), delay_(at.time_since_epoch()) {}
  TimedAwaitable(const TimedAwaitable&) = default;
  TimedAwaitable& operator=(const TimedAwaitable&) = default;
  ~TimedAwaitable() = default;

  Instant deadline() const noexcept;
  Instant deadline(Instant now) const noexcept { return relative_ ? later(now, delay_) : Instant(delay_); }
  void park_until(std::coroutine_handle<> frame, Instant at) noexcept;

 private:
  bool relative_;  // First, so that it lies in the padding of TimerNode.
  std::chrono::nanoseconds delay_;
};

// How a task of a group ended, for the first caller that asks.
struct TaskEnd {
  TaskName name;
  std::exception_ptr failure;
  bool happened = false;
};

// The inside of a TaskGroup, and of every call that starts tasks of its own.
struct GroupState {
  explicit GroupState(LoopCore& loop);
  GroupState(const GroupState&) = delete;
  GroupState& operator=(const GroupState&) = delete;
  ~GroupState();

  LoopCore& loop;
  List<Root, MemberTag> members;  // In the order of their start.
  std::size_t size = 0;
  std::size_t background = 0;  // Of `size`, the tasks of that kind.
  WaitList joining;            // Tasks that wait for it to be empty.
  WaitList watching;           // Tasks that wait for an end that matters: supervise().

  // A group is a child of the task that built it, until that task ends; the others are the loop's.
  Root* owner = nullptr;
  GroupState* next_sibling = nullptr;
  GroupState** sibling_slot = nullptr;

  // Of all the tasks that ended so far.
  std::size_t completed = 0;
  std::size_t cancelled = 0;
  std::size_t forced = 0;
  std::size_t failed = 0;
  std::size_t background_failed = 0;
  std::vector<TaskReport> unresponsive;

  // The first of each that nobody has been told of.
  TaskEnd crash;
  TaskEnd receive_end;
  TaskEnd lifetime_end;

  GroupObserver* observer = nullptr;                // Takes the ends of the tasks instead of all this.
  const std::vector<QueueDepth>* queues = nullptr;  // Of the Session, for the log of its drain.
  Label label = "default";
  int exceptions_when_built;
  bool draining = false;
  bool supervised = false;    // supervise() was called, and reports failures to its caller.
  bool logs_crashes = false;  // By supervise() or drain(), under `label`.
  bool failures_asked = false;

  // Of with_group(): what the first failure of a task ends.
  enum class OnFailure : std::uint8_t { kNothing, kBody, kTasks };
  OnFailure on_failure = OnFailure::kNothing;
  bool ended_by_failure = false;
  bool asked_owner = false;  // To end the body. The request is the owner's only one that is pending.
  bool delivered_before = false;
  std::uint32_t requests_before = 0;
  std::uint32_t requests_then = 0;

  void begin_body(bool carry_on) noexcept;
  // Takes back a request that the body has not seen. `thrown` is what left the body, or null; returns what is to leave
  // with_group() because of it, or of a task that failed meanwhile.
  std::exception_ptr end_body(std::exception_ptr thrown, bool carry_on) noexcept;
  // A request has just cut the drain short. Unless it is Cancelled that leaves with_group(), the request is still due.
  void keep_request(const std::exception_ptr& leaves, bool delivered) noexcept;
  void end_for_failure() noexcept;

  // Whether no task is left that anyone waits for.
  bool all_done() const noexcept { return size == background; }

  void adopt(GroupState*& siblings) noexcept;
  void leave_family() noexcept;
  void cancel() noexcept;
  bool has_undelivered() const noexcept;           // A task that has not had its turn since it was cancelled.
  bool contains(const Root* task) const noexcept;  // Also through the groups that its tasks built.
  std::string names() const;
  std::string reports() const;  // One line a task, the first twenty.

  // For the destructor of what owns the group, once it knows that this is no broken contract: ends the tasks where
  // they stand, and has the drain around it count them.
  void abandon(const char* what) noexcept;
  // Whether an exception or a force is taking the owner apart.
  bool owner_is_unwinding() const noexcept;
};

// What the body of with_group() threw, until the caller has it. Logs it if the caller is destroyed before that.
class BodyFailure {
 public:
  explicit BodyFailure(const GroupState& group) noexcept : group_(group) {}
  ~BodyFailure();
  BodyFailure(const BodyFailure&) = delete;
  BodyFailure& operator=(const BodyFailure&) = delete;

  std::exception_ptr thrown;

 private:
  const GroupState& group_;
};

// Told of each task of a group that ends, instead of the group's counts.
class GroupObserver {
 public:
  // Takes what the task left. The frame is destroyed afterwards.
  virtual void ended(Root& root) noexcept = 0;

 protected:
  ~GroupObserver() = default;
};

// Whether a task has not had its turn since it was cancelled.
bool is_undelivered(const Root& root) noexcept;

// The inside of an EventLoop: all that both forms share.
class LoopCore {
 public:
  LoopCore(EventLoop& self, bool real, bool shuffle, std::uint64_t seed);
  LoopCore(const LoopCore&) = delete;
  LoopCore& operator=(const LoopCore&) = delete;
  ~LoopCore();

  EventLoop& self;
  TimerHeap timers;
  Root* current = nullptr;         // The task whose code runs now.
  Root* main = nullptr;            // The task that run() was given.
  GroupState* families = nullptr;  // The groups that no living task built.
  bool running = false;

  // Blocking calls whose task is gone; each leaves when it returns.
  List<BlockingCall, StragglerTag> stragglers;
  std::size_t pool_calls = 0;  // That libuv has not handed back.

  // Where a VirtualLoop writes what happens.
  std::string* event_log = nullptr;

  // While frames are destroyed where they stand; `forced_into` is who reports what nested groups lose.
  int force_depth = 0;
  GroupState* forced_into = nullptr;

  Instant now() const noexcept { return real_ ? since_origin() : turn_now; }
  bool has_ready() const noexcept { return !ready_.empty() || !pool_.empty(); }
  void push_ready(Root& root) noexcept;

  // Makes `frame`, whose promise holds `root`, a task that first runs on the next turn.
  void admit(Root& root, GroupState* group, TaskName name, TaskKind kind, std::source_location where);

  // Runs `root` as the main task until it first waits.
  void run_main(Root& root);
  // Runs what was ready when it was called; returns early when the main task has ended.
  void run_ready();
  // Wakes what is due at turn_now.
  void fire_timers() noexcept;

  // Takes a task that ended out of everything that knows it; its frame is left.
  void retire(Root& root) noexcept;

  // Destroys the frames of `root`, or of all tasks of `group`, wherever they stand.
  void destroy(Root& root) noexcept;
  void force(Root& root, GroupState* report_to) noexcept;
  void force(GroupState& group, GroupState* report_to) noexcept;

  std::size_t live() const noexcept { return live_.load(std::memory_order_relaxed); }
  void census(std::vector<TaskReport>& reports) const;
  void count_live(std::ptrdiff_t change) noexcept;
  void require_own_thread(const char* call) const noexcept;
  std::thread::id thread() const noexcept { return thread_; }
  void bind_thread() noexcept { thread_ = std::this_thread::get_id(); }

  Instant turn_now{};  // Read once a turn; under virtual time it is the time.

 private:
  Instant since_origin() const noexcept;
  void step(Root& root);
  void finish(Root& root) noexcept;
  void settle_end(GroupState& group, Root& root) noexcept;
  void log_event(const char* what, const Root& root);
  Root& take_from_pool() noexcept;

  bool real_;
  bool shuffle_;
  std::uint64_t shuffle_state_;
  List<Root, QueueTag> ready_;
  std::vector<Root*> pool_;  // The ready queue, where the order is shuffled.
  std::chrono::steady_clock::time_point origin_;
  std::thread::id thread_;
  std::atomic<std::size_t> live_ = 0;  // One writer, the loop's thread.
};

inline void LoopCore::push_ready(Root& root) noexcept {
  if (shuffle_) {
    root.pool_index = static_cast<std::uint32_t>(pool_.size());
    pool_.push_back(&root);
  } else {
    ready_.push_back(root);
  }
}

inline void Awaitable::park(std::coroutine_handle<> frame) noexcept {
  root_->leaf = this;
  root_->resume_point = frame;
  root_->since = root_->loop->turn_now;
  root_->state = RootState::kParked;
}

inline void Root::wake(Wake why) noexcept {
  leaf->unlink();
  make_ready(why);
}

inline void Root::make_ready(Wake why) noexcept {
  woken_by = why;
  state = RootState::kReady;
  loop->push_ready(*this);
}

inline void TimedAwaitable::unlink() noexcept {
  root().leave_queue();
  root().loop->timers.disarm(*this);
}

inline void TimedAwaitable::expire() noexcept { root().wake(Wake::kTimeout); }

inline Instant TimedAwaitable::deadline() const noexcept { return deadline(root().loop->now()); }

inline void TimedAwaitable::park_until(std::coroutine_handle<> frame, Instant at) noexcept {
  park(frame);
  root().loop->timers.arm(*this, at);
}

}  // namespace detail
}  // namespace soak

#endif  // SOAK_DETAIL_LOOP_CORE_H_

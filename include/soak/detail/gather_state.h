// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_GATHER_STATE_H_
#define SOAK_DETAIL_GATHER_STATE_H_

// The part of a gather that does not depend on what its children return: which to start when, and how they end.
//
// A child of Task<> has its Root in its own frame. Any other child gets an ExternalRoot; there are as many of these as
// children may run at a time.

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "soak/detail/loop_core.h"
#include "soak/log.h"
#include "soak/metrics/label.h"
#include "soak/semaphore.h"
#include "soak/task.h"

namespace soak {

struct GatherOptions;

namespace detail {

class GatherState : private GroupObserver, private PermitWaiter {
 public:
  GatherState(LoopCore& loop, const GatherOptions& options, std::size_t count, bool roots_in_frames,
              std::source_location where);
  GatherState(const GatherState&) = delete;
  GatherState& operator=(const GatherState&) = delete;

  // Starts the children and ends with the last of them. Throws Cancelled then, if that kept a child from its end;
  // a request that came too late for this is left to the caller's next await.
  Task<> run();

  // As part of a larger call, that counts and times itself: the first child is called "<label>-<first>".
  void number_from(std::size_t first) noexcept;

  // Of one child that is called `name`, whose caller says what became of it. It is neither counted nor logged.
  void be_timeout_of(TaskName name) noexcept;
  // What that child stood at when its time ran out: "awaits event at pusher.cc:41 since 12.500 s".
  const std::string& stood_at() const noexcept { return stood_at_; }

 protected:
  ~GatherState();

  // Of a failure that the caller is no longer there to be told.
  void log_untold(const std::exception_ptr& failure) const noexcept;
  bool is_timeout() const noexcept { return one_; }

  // The frame of a child, which is the caller's now; sets `root` to the one in the frame, if it is there, or else
  // has the frame refer to `root`.
  virtual std::coroutine_handle<> take_frame(std::size_t index, Root*& root) noexcept = 0;
  // Keeps the value, or what was thrown, which is returned too.
  virtual std::exception_ptr keep_outcome(std::size_t index, std::coroutine_handle<> ended) noexcept = 0;
  // What was thrown, or null; keeps nothing.
  virtual std::exception_ptr failure_of(std::coroutine_handle<> ended) const noexcept = 0;
  virtual void keep_timeout(std::size_t index) noexcept = 0;
  virtual std::size_t failures() const noexcept = 0;

 private:
  class Wait;

  // The time of one child: first to end, then to unwind.
  struct ChildTimer final : TimerNode {
    void expire() noexcept override { state->child_timed_out(*this); }

    GatherState* state = nullptr;
    Root* root = nullptr;  // While it runs.
    bool asked = false;
  };

  void check() const;
  void start_some() noexcept;
  void start_next() noexcept;
  void ended(Root& root) noexcept override;
  void gone(Root& root, std::size_t index) noexcept;
  void granted() noexcept override;
  const LoopCore& loop() const noexcept override { return loop_; }
  void child_timed_out(ChildTimer& timer) noexcept;
  void start_no_more() noexcept;
  void stop(bool timed_out);
  bool has_new() const noexcept;                    // A child that has not had its first turn.
  bool was_asked(const Root& root) const noexcept;  // To stop, because its own time ran out.
  bool force_overdue() noexcept;
  void force(Root& root) noexcept;
  void log(LogLevel level, const std::string& message) const noexcept;
  void stopped(Root& root, std::exception_ptr failure) noexcept;
  bool done() const noexcept { return group_.size == 0 && (stopping_ || next_ == count_); }
  std::size_t index_of(const Root& root) const noexcept;

  LoopCore& loop_;
  GroupState group_;
  WaitList waiting_;
  std::source_location where_;
  Instant began_;
  Label label_;
  TaskName only_name_;
  std::size_t max_concurrency_;
  std::optional<std::chrono::nanoseconds> timeout_;
  std::optional<std::chrono::nanoseconds> task_timeout_;
  std::chrono::nanoseconds grace_;
  Semaphore* limit_;
  PermitHolder permits_;
  std::size_t count_;
  std::size_t next_ = 0;
  std::size_t first_number_ = 0;
  std::vector<ExternalRoot> roots_;  // With room for all that may run at a time: they stay where they are.
  std::vector<ExternalRoot*> free_roots_;
  std::vector<ChildTimer> timers_;  // One a child, where each has a time of its own.
  std::vector<std::size_t> overdue_;
  std::string stood_at_;
  bool roots_in_frames_;
  bool one_ = false;
  bool measured_ = true;
  bool irregular_ = false;  // Some child left no value.
  bool stopping_ = false;
  bool interrupted_ = false;  // It is stopping because it was cancelled itself.
  bool asked_again_ = false;  // It was cancelled while it was stopping.
  bool unfinished_ = false;   // A request kept some child from its end.
};

template <typename T>
class GatherOf;

template <typename T>
struct TaskResult;
template <typename T>
struct TaskResult<Task<T>> {
  using type = T;
};

// How a result stores a value: a reference as its address, void as monostate.
template <typename T>
using Kept = std::conditional_t<std::is_void_v<T>, std::monostate,
                                std::conditional_t<std::is_reference_v<T>, std::add_pointer_t<T>, T>>;

// The time of a gather_chunked() as a whole.
class GatherClock {
 public:
  GatherClock(EventLoop& loop, Label label, std::optional<std::chrono::nanoseconds> timeout);
  ~GatherClock();
  GatherClock(const GatherClock&) = delete;
  GatherClock& operator=(const GatherClock&) = delete;

  bool expired() const;
  std::optional<std::chrono::nanoseconds> left() const;
  void count_never_started(std::size_t count) const;

 private:
  EventLoop& loop_;
  Label label_;
  Instant began_;
  std::optional<Instant> until_;
};

void require_chunk_size(std::size_t chunk_size);

// "upload timed out after 5.000 s; it awaited event at pusher.cc:41 since 12.500 s"
std::string timeout_text(const TaskName& name, std::chrono::nanoseconds timeout, const std::string& stood_at);

}  // namespace detail
}  // namespace soak

#endif  // SOAK_DETAIL_GATHER_STATE_H_

// SPDX-License-Identifier: Apache-2.0
#include "soak/detail/gather_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "lib/async/async_metrics.h"
#include "lib/async/log_lines.h"
#include "lib/text/format.h"
#include "soak/detail/enum_names.h"
#include "soak/gather.h"

namespace soak {

namespace {

constexpr detail::EnumNames<GatherOutcome> kOutcomeNames({{GatherOutcome::kValue, "value"},
                                                          {GatherOutcome::kFailed, "failed"},
                                                          {GatherOutcome::kTimedOut, "timed out"},
                                                          {GatherOutcome::kCancelled, "cancelled"}});

}  // namespace

std::string_view to_string(GatherOutcome outcome) { return kOutcomeNames[outcome]; }

namespace detail {

namespace {

// "awaits event at pusher.cc:41 since 12.500 s": a report without its name.
std::string standing(const Root& root) {
  const TaskReport report = root.report();
  return to_string(report).substr(report.name.size() + 1);
}

}  // namespace

// Waits until all is done or a child is overdue: true; false when the time ran out first.
class GatherState::Wait final : public TimedAwaitable {
 public:
  Wait(GatherState& state, Instant until, std::source_location where) noexcept
      : TimedAwaitable(until, where), state_(&state) {}

  bool await_ready() noexcept { return cancelled_on_arrival() || state_->done() || !state_->overdue_.empty(); }
  void await_suspend(std::coroutine_handle<> frame) noexcept {
    park_until(frame, deadline());
    state_->waiting_.push_back(root());
  }
  bool await_resume() { return outcome() == Wake::kEvent; }
  const char* awaiting() const noexcept override { return state_->one_ ? "with_timeout" : "gather"; }

 private:
  GatherState* state_;
};

GatherState::GatherState(LoopCore& loop, const GatherOptions& options, std::size_t count, bool roots_in_frames,
                         std::source_location where)
    : loop_(loop),
      group_(loop),
      where_(where),
      began_(loop.now()),
      label_(options.label),
      max_concurrency_(options.max_concurrency),
      timeout_(options.timeout),
      task_timeout_(options.task_timeout),
      grace_(options.grace),
      limit_(options.limit),
      count_(count),
      roots_in_frames_(roots_in_frames) {
  group_.observer = this;
  group_.label = label_;
}

GatherState::~GatherState() {
  PermitWaiter::unlink();
  for (ChildTimer& timer : timers_) {
    loop_.timers.disarm(timer);
  }
  if (group_.size > 0) {
    group_.observer = nullptr;
    group_.abandon("gather");
  }
  for (ChildTimer& timer : timers_) {
    loop_.timers.disarm(timer);
  }
  group_.leave_family();
}

void GatherState::number_from(std::size_t first) noexcept {
  first_number_ = first;
  measured_ = false;
}

void GatherState::be_timeout_of(TaskName name) noexcept {
  only_name_ = name;
  one_ = true;
  measured_ = false;
}

void GatherState::check() const {
  if (max_concurrency_ == 0) {
    throw Error(Errc::kInvalidArgument,
                fmt::format("gather '{}': max_concurrency is 0: expected 1 or more, or kUnlimited", label_.view()));
  }
}

Task<> GatherState::run() {
  check();
  if (!roots_in_frames_) {
    const std::size_t roots = std::min(count_, max_concurrency_);
    roots_.reserve(roots);
    if (roots < count_) {
      free_roots_.reserve(roots);
    }
  }
  if (task_timeout_) {
    timers_.resize(count_);
  }
  const bool delivered_before = loop_.current->cancel_delivered;
  start_some();

  Instant until = timeout_ ? later(began_, *timeout_) : Instant::max();
  bool interrupted = false;
  while (!done()) {
    bool woken = true;
    // A request that came while an overdue child had its last turn is acted on at once.
    if (!interrupted || stopping_) {
      try {
        woken = co_await Wait(*this, until, where_);
      } catch (const Cancelled&) {
        interrupted = true;
        asked_again_ = stopping_;
      }
    }
    const bool out_of_grace = !woken && stopping_;
    if (!stopping_ && (interrupted || !woken)) {
      start_no_more();
      // Where the order is shuffled, the children may not have had the turn that also no time at all leaves them.
      while (!interrupted && *timeout_ <= std::chrono::nanoseconds::zero() && has_new()) {
        try {
          co_await yield(where_);
        } catch (const Cancelled&) {
          interrupted = true;
        }
      }
      interrupted_ = interrupted;
      stop(!interrupted);
      until = later(loop_.now(), grace_);
    }
    // A task is destroyed only after it had a turn to handle its cancellation.
    while (force_overdue() || (out_of_grace && group_.has_undelivered())) {
      try {
        co_await yield(where_);
      } catch (const Cancelled&) {
        interrupted = true;
      }
    }
    if (out_of_grace) {
      while (!group_.members.empty()) {
        force(group_.members.back());
      }
    }
  }

  if (measured_) {
    const GatherMetrics& metrics = metrics_of<GatherMetrics>(label_);
    metrics.duration.observe(loop_.now() - began_);
  }
  if (!one_ && irregular_) {
    if (const std::size_t count = failures(); count > 0) {
      metrics_of<GatherMetrics>(label_).failures.increment(static_cast<double>(count));
    }
  }
  if (interrupted && unfinished_) {
    throw Cancelled{};
  }
  if (interrupted) {
    loop_.current->put_off_cancel(delivered_before);
  }
}

void GatherState::start_some() noexcept {
  while (next_ < count_ && !stopping_ && group_.size < max_concurrency_) {
    if (limit_ != nullptr) {
      if (PermitWaiter::linked()) {
        return;
      }
      if (!limit_->take()) {
        limit_->waiters_.push_back(*this);
        return;
      }
      permits_.add(*limit_);
    }
    start_next();
  }
}

void GatherState::start_next() noexcept {
  const std::size_t index = next_++;
  ExternalRoot* external = nullptr;
  if (!roots_in_frames_) {
    if (free_roots_.empty()) {
      external = &roots_.emplace_back();
    } else {
      external = free_roots_.back();
      free_roots_.pop_back();
      *external = ExternalRoot{};
    }
    external->is_external = true;
  }
  Root* root = external;
  const std::coroutine_handle<> frame = take_frame(index, root);
  if (external != nullptr) {
    external->outermost = frame;
  }
  loop_.admit(*root, &group_, one_ ? only_name_ : TaskName(label_, first_number_ + index), TaskKind::kFinite, where_);
  if (!task_timeout_) {
    return;
  }
  ChildTimer& timer = timers_[index];
  timer.state = this;
  timer.root = root;
  loop_.timers.arm(timer, later(loop_.now(), *task_timeout_));
}

void GatherState::granted() noexcept {
  permits_.add(*limit_);
  start_next();
  start_some();
}

std::size_t GatherState::index_of(const Root& root) const noexcept {
  return one_ ? 0 : static_cast<std::size_t>(root.name.number()) - first_number_;
}

void GatherState::ended(Root& root) noexcept {
  const std::size_t index = index_of(root);
  const bool told_to_stop = root.cancel_delivered || root.ended_cancelled;
  std::exception_ptr failure;
  if (!told_to_stop) {
    failure = keep_outcome(index, root.frame());
  } else {
    stopped(root, failure_of(root.frame()));
  }
  if (failure && !one_) {
    irregular_ = true;
    log(LogLevel::kError,
        fmt::format("task {} ({}) failed: {}", first_number_ + index, to_string(root.name), shown(failure)));
  }
  loop_.retire(root);
  gone(root, index);
}

// The child was cancelled, and it may have thrown something else while it unwound.
void GatherState::stopped(Root& root, std::exception_ptr failure) noexcept {
  irregular_ = true;
  if (failure && one_ && interrupted_) {
    keep_outcome(index_of(root),
                 root.frame());  // As if the caller had awaited it: this is thrown in place of Cancelled.
    return;
  }
  unfinished_ |= asked_again_ || (interrupted_ && !was_asked(root));
  if (!failure) {
    return;
  }
  if (one_) {
    log_untold(failure);
  } else {
    log(LogLevel::kError, fmt::format("task {} ({}) failed as it unwound: {}", first_number_ + index_of(root),
                                      to_string(root.name), shown(failure)));
  }
}

void GatherState::log_untold(const std::exception_ptr& failure) const noexcept {
  log_text(LogLevel::kError, loop_.now(), "with_timeout", label_, [&] {
    return fmt::format("{} failed, and its caller is not told: {}", to_string(only_name_), shown(failure));
  });
}

// The child has left the group.
void GatherState::gone(Root& root, std::size_t index) noexcept {
  if (!timers_.empty()) {
    loop_.timers.disarm(timers_[index]);
    timers_[index].root = nullptr;
  }
  if (!roots_in_frames_ && next_ < count_) {
    free_roots_.push_back(static_cast<ExternalRoot*>(&root));
  }
  permits_.give_back();
  start_some();
  if (done()) {
    wake_all(waiting_);
  }
}

void GatherState::child_timed_out(ChildTimer& timer) noexcept {
  const std::size_t index = static_cast<std::size_t>(&timer - timers_.data());
  if (timer.asked) {
    overdue_.push_back(index);
    wake_all(waiting_);
    return;
  }
  if (stopping_) {
    return;  // It is asked already, with all the others.
  }
  timer.asked = true;
  keep_timeout(index);
  log(LogLevel::kError, fmt::format("task {} ({}) timed out after {:.3f} s: it {}", first_number_ + index,
                                    to_string(timer.root->name), text::seconds(*task_timeout_), standing(*timer.root)));
  irregular_ = true;
  timer.root->request_cancel();
  loop_.timers.arm(timer, later(loop_.now(), grace_));
}

void GatherState::start_no_more() noexcept {
  stopping_ = true;
  PermitWaiter::unlink();
}

bool GatherState::has_new() const noexcept {
  bool found = false;
  group_.members.for_each([&](const Root& root) { found |= root.state == RootState::kNew; });
  return found;
}

bool GatherState::was_asked(const Root& root) const noexcept {
  return !timers_.empty() && timers_[index_of(root)].asked;
}

void GatherState::stop(bool timed_out) {
  irregular_ = true;
  unfinished_ |= interrupted_ && next_ < count_;
  if (timed_out) {
    if (next_ < count_) {
      log(LogLevel::kError,
          fmt::format("{} never started within {:.3f} s", count_of_tasks(count_ - next_), text::seconds(*timeout_)));
    }
    for (std::size_t index = next_; index < count_; ++index) {
      keep_timeout(index);
    }
    group_.members.for_each([&](const Root& root) {
      if (was_asked(root)) {
        return;
      }
      keep_timeout(index_of(root));
      if (one_) {
        stood_at_ = standing(root);
      } else {
        log(LogLevel::kError,
            fmt::format("task {} ({}) timed out with the call, after {:.3f} s: it {}", first_number_ + index_of(root),
                        to_string(root.name), text::seconds(*timeout_), standing(root)));
      }
    });
  }
  group_.members.for_each([&](Root& root) {
    if (!was_asked(root)) {
      root.request_cancel();
    }
  });
}

// True while some overdue child has still a turn to come.
bool GatherState::force_overdue() noexcept {
  std::vector<std::size_t> due = std::exchange(overdue_, {});
  for (const std::size_t index : due) {
    Root* const root = timers_[index].root;
    if (root == nullptr) {
      continue;
    }
    if (is_undelivered(*root)) {
      overdue_.push_back(index);
    } else {
      force(*root);
    }
  }
  return !overdue_.empty();
}

void GatherState::force(Root& root) noexcept {
  const std::size_t index = index_of(root);
  const bool called_away = root.state == RootState::kParked && !root.leaf->ends_when_cancelled();
  log(LogLevel::kError,
      called_away ? fmt::format("task {} ({}) cannot be ended, its thread is in a blocking call: it {}",
                                first_number_ + index, to_string(root.name), standing(root))
                  : fmt::format("task {} ({}) did not unwind within {:.3f} s of being cancelled and is destroyed in "
                                "place: it {}",
                                first_number_ + index, to_string(root.name), text::seconds(grace_), standing(root)));
  unfinished_ |= asked_again_ || (interrupted_ && !was_asked(root));
  loop_.force(root, &group_);
  gone(root, index);
}

void GatherState::log(LogLevel level, const std::string& message) const noexcept {
  if (!one_) {
    soak::log({level, loop_.now(), "gather", label_.view(), message});
  }
}

// GatherClock

GatherClock::GatherClock(EventLoop& loop, Label label, std::optional<std::chrono::nanoseconds> timeout)
    : loop_(loop), label_(label), began_(loop.now()) {
  if (timeout) {
    until_ = later(began_, *timeout);
  }
}

GatherClock::~GatherClock() { metrics_of<GatherMetrics>(label_).duration.observe(loop_.now() - began_); }

bool GatherClock::expired() const { return until_ && loop_.now() >= *until_; }

std::optional<std::chrono::nanoseconds> GatherClock::left() const {
  if (!until_) {
    return std::nullopt;
  }
  return std::max(*until_ - loop_.now(), std::chrono::nanoseconds::zero());
}

void GatherClock::count_never_started(std::size_t count) const {
  metrics_of<GatherMetrics>(label_).failures.increment(static_cast<double>(count));
  log_text(LogLevel::kError, loop_.now(), "gather", label_,
           [&] { return fmt::format("{} never started in time", count_of_tasks(count)); });
}

void require_chunk_size(std::size_t chunk_size) {
  if (chunk_size == 0) {
    throw Error(Errc::kInvalidArgument, "gather_chunked: chunk_size is 0: expected 1 or more");
  }
}

std::string timeout_text(const TaskName& name, std::chrono::nanoseconds timeout, const std::string& stood_at) {
  return fmt::format("{} timed out after {:.3f} s: it {}", to_string(name), text::seconds(timeout), stood_at);
}

}  // namespace detail
}  // namespace soak

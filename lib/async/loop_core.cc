// SPDX-License-Identifier: Apache-2.0
#include "soak/detail/loop_core.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string_view>
#include <typeinfo>
#include <utility>

#include "lib/async/log_lines.h"
#include "soak/detail/blocking_call.h"
#include "soak/detail/printable.h"
#include "soak/event_loop.h"
#include "soak/task.h"

namespace soak::detail {

void contract_broken(const std::string& message) noexcept {
  std::fprintf(stderr, "%s\n", text::printable(message, text::LineEnds::kKeep).c_str());
  std::fflush(stderr);
  std::abort();
}

bool handling_cancelled() noexcept {
  const std::type_info* const type = abi::__cxa_current_exception_type();
  return type != nullptr && *type == typeid(Cancelled);
}

namespace {

bool is_cancelled(const std::exception_ptr& thrown) noexcept {
  try {
    std::rethrow_exception(thrown);
  } catch (...) {
    return handling_cancelled();
  }
}

}  // namespace

// Root

void Root::request_cancel() noexcept {
  ++requests;
  if (state == RootState::kParked && leaf->ends_when_cancelled()) {
    wake(Wake::kCancel);
  } else {
    cancel_pending = true;
  }
}

std::coroutine_handle<> Root::frame() noexcept {
  if (is_external) {
    return static_cast<ExternalRoot*>(this)->outermost;
  }
  return std::coroutine_handle<Promise<void>>::from_promise(*static_cast<Promise<void>*>(this));
}

TaskReport Root::report() const {
  const char* awaiting = "its turn";
  if (state == RootState::kNew) {
    awaiting = "its first turn";
  }
  if (state == RootState::kRunning) {
    awaiting = "nothing, it is running";
  }
  if (state == RootState::kParked) {
    awaiting = leaf->awaiting();
  }
  return {to_string(name), awaiting, where, since};
}

void frame_went_astray(const Root& root) noexcept {
  contract_broken(fmt::format(
      "a coroutine of task {} neither ended nor waits: g++ before 12.3 compiles one to nothing whose outermost "
      "block declares no variable and that awaits in the condition of an if or a loop (GCC bug 106188); "
      "name what is awaited first",
      to_string(root.name)));
}

std::string names_of(const WaitList& waiters) {
  std::string names;
  waiters.for_each([&](const Root& root) { names += (names.empty() ? "" : ", ") + to_string(root.name); });
  return names;
}

// LoopCore

LoopCore::LoopCore(EventLoop& owner, bool real, bool shuffle, std::uint64_t seed)
    : self(owner),
      real_(real),
      shuffle_(shuffle),
      shuffle_state_(seed),
      origin_(std::chrono::steady_clock::now()),
      thread_(std::this_thread::get_id()) {}

LoopCore::~LoopCore() {
  if (live() == 0) {
    return;
  }
  std::vector<TaskReport> reports;
  census(reports);
  std::string message =
      fmt::format("EventLoop destroyed before {} of its tasks; destroy the groups on a loop before it", live());
  for (const TaskReport& report : reports) {
    message += "\n  " + to_string(report);
  }
  contract_broken(message);
}

Instant LoopCore::since_origin() const noexcept { return Instant(std::chrono::steady_clock::now() - origin_); }

void LoopCore::require_own_thread(const char* call) const noexcept {
  if (std::this_thread::get_id() == thread_) {
    return;
  }
  contract_broken(
      fmt::format("{} called from a thread that is not its EventLoop's; hand it over with EventLoop::post()", call));
}

// Only the loop's thread writes, so no read-modify-write is needed.
void LoopCore::count_live(std::ptrdiff_t change) noexcept {
  live_.store(live_.load(std::memory_order_relaxed) + static_cast<std::size_t>(change), std::memory_order_relaxed);
}

void LoopCore::admit(Root& root, GroupState* group, TaskName name, TaskKind kind, std::source_location where) {
  root.loop = this;
  root.group = group;
  root.name = name;
  root.kind = kind;
  root.where = where;
  root.since = turn_now;
  root.resume_point = root.frame();
  root.state = RootState::kNew;
  if (group != nullptr) {
    group->members.push_back(root);
    ++group->size;
    if (kind == TaskKind::kBackground) {
      ++group->background;
    }
  }
  count_live(1);
  if (event_log != nullptr) {
    log_event("start", root);
  }
  if (group != nullptr) {
    push_ready(root);
  }
}

void LoopCore::run_main(Root& root) {
  main = &root;
  step(root);
}

// splitmix64: its own generator, so that shuffling does not change what random() gives.
Root& LoopCore::take_from_pool() noexcept {
  std::uint64_t bits = shuffle_state_ += 0x9e3779b97f4a7c15U;
  bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
  bits ^= bits >> 31U;
  Root& root = *pool_[bits % pool_.size()];
  pool_.back()->pool_index = root.pool_index;
  pool_[root.pool_index] = pool_.back();
  pool_.pop_back();
  root.pool_index = Root::kNotPooled;
  return root;
}

void LoopCore::run_ready() {
  if (shuffle_) {
    for (std::size_t left = pool_.size(); left > 0 && !pool_.empty() && main != nullptr; --left) {
      step(take_from_pool());
    }
    return;
  }
  List<Root, QueueTag> turn;
  turn.prepend(ready_);
  while (!turn.empty() && main != nullptr) {
    Root& root = turn.front();
    root.leave_queue();
    if (!turn.empty()) {
      __builtin_prefetch(turn.front().resume_point.address(), 1);
    }
    step(root);
  }
  ready_.prepend(turn);  // The main task has ended: the others keep their places for the next run().
}

void LoopCore::step(Root& root) {
  if (root.state == RootState::kNew && root.cancel_pending) {
    root.ended_cancelled = true;
    finish(root);
    return;
  }
  if (event_log != nullptr) {
    log_event("run", root);
  }
  current = &root;
  root.leaf = nullptr;
  root.state = RootState::kRunning;
  root.resume_point.resume();
  current = nullptr;
  if (root.frame().done()) {
    finish(root);
  } else if (root.state == RootState::kRunning) {
    frame_went_astray(root);
  }
}

// The frame goes last: it may hold the last reference to the owner of the group.
void LoopCore::finish(Root& root) noexcept {
  if (event_log != nullptr) {
    log_event("end", root);
  }
  GroupState* const group = root.group;
  if (group == nullptr) {
    retire(root);  // run() owns the frame, and takes the outcome from it.
    return;
  }
  const std::coroutine_handle<> frame = root.frame();
  if (group->observer != nullptr) {
    group->observer->ended(root);
  } else {
    settle_end(*group, root);
    retire(root);
  }
  frame.destroy();
}

void LoopCore::settle_end(GroupState& group, Root& root) noexcept {
  Promise<void>& promise = static_cast<Promise<void>&>(root);
  TaskEnd* tells = nullptr;
  if (promise.failure && root.kind == TaskKind::kBackground) {
    ++group.background_failed;
    report_background_crash(group, root.name, promise.failure);
  } else if (promise.failure) {
    ++group.failed;
    group.failures_asked = false;
    if (group.logs_crashes || group.crash.failure) {  // Who asks is told of the first one only.
      log_crash(group, root.name, promise.failure);
    }
    if (!group.crash.failure) {
      group.crash = {root.name, promise.failure, true};
    }
    group.end_for_failure();
    tells = &group.crash;
  } else if (root.ended_cancelled || root.cancel_delivered) {
    ++group.cancelled;
  } else {
    ++group.completed;
    if (root.kind == TaskKind::kLifetime) {
      tells = &group.lifetime_end;
    }
  }
  if (root.kind == TaskKind::kReceive) {
    tells = &group.receive_end;
  }
  if (tells == nullptr) {
    return;
  }
  if (tells != &group.crash && !tells->happened) {
    *tells = {root.name, std::move(promise.failure), true};
  }
  wake_all(group.watching);
}

// Takes the task out of everything that knows it.
void LoopCore::retire(Root& root) noexcept {
  while (root.children != nullptr) {
    GroupState& child = *root.children;
    child.leave_family();
    child.adopt(families);
  }
  count_live(-1);
  if (main == &root) {
    main = nullptr;
  }
  if (root.group == nullptr) {
    return;
  }
  GroupState& group = *root.group;
  root.leave_group();
  --group.size;
  if (root.kind == TaskKind::kBackground) {
    --group.background;
  }
  if (group.size == 0) {
    wake_all(group.joining);
  }
  if (group.all_done()) {
    wake_all(group.watching);
  }
}

void LoopCore::log_event(const char* what, const Root& root) {
  const char* how = "";
  if (std::string_view(what) == "run") {
    how = root.state == RootState::kNew     ? "first"
          : root.woken_by == Wake::kCancel  ? "cancelled"
          : root.woken_by == Wake::kTimeout ? "time"
                                            : "event";
  } else if (std::string_view(what) == "end") {
    how = root.ended_cancelled ? "cancelled" : "";
  }
  const std::int64_t now = turn_now.time_since_epoch().count();
  fmt::format_to(std::back_inserter(*event_log), "{}.{:09} {} {}{}{}\n", now / 1'000'000'000, now % 1'000'000'000, what,
                 to_string(root.name), *how == '\0' ? "" : " ", how);
}

void LoopCore::fire_timers() noexcept {
  while (TimerNode* const node = timers.pop_due(turn_now)) {
    node->expire();
  }
}

void LoopCore::destroy(Root& root) noexcept {
  if (&root == current) {
    contract_broken(fmt::format("task {} destroys the group or the owner it runs in; leave that to another task",
                                to_string(root.name)));
  }
  if (root.state == RootState::kParked) {
    root.leaf->unlink();
  } else if (root.pool_index != Root::kNotPooled) {
    pool_.back()->pool_index = root.pool_index;
    pool_[root.pool_index] = pool_.back();
    pool_.pop_back();
  } else {
    root.leave_queue();
  }
  if (root.state == RootState::kReady) {
    root.leaf->abandoned();
  }
  if (event_log != nullptr) {
    log_event("destroy", root);
  }
  const std::coroutine_handle<> frame = root.frame();
  retire(root);
  frame.destroy();
}

void LoopCore::force(Root& root, GroupState* report_to) noexcept {
  GroupState* const outer = std::exchange(forced_into, report_to);
  ++force_depth;
  if (report_to != nullptr) {
    if (root.state == RootState::kParked && !root.leaf->ends_when_cancelled()) {
      report_to->unresponsive.push_back(root.report());
    } else {
      ++report_to->forced;
    }
  }
  destroy(root);
  --force_depth;
  forced_into = outer;
}

void LoopCore::force(GroupState& group, GroupState* report_to) noexcept {
  while (!group.members.empty()) {
    force(group.members.back(), report_to);
  }
}

namespace {

void add_family(const GroupState* group, std::vector<TaskReport>& reports) {
  for (; group != nullptr; group = group->next_sibling) {
    group->members.for_each([&](const Root& root) {
      reports.push_back(root.report());
      add_family(root.children, reports);
    });
  }
}

}  // namespace

void LoopCore::census(std::vector<TaskReport>& reports) const {
  if (main != nullptr) {
    reports.push_back(main->report());
    add_family(main->children, reports);
  }
  add_family(families, reports);
  stragglers.for_each([&](const BlockingCall& call) { reports.push_back(call.report()); });
}

// GroupState

namespace {

constexpr std::size_t kShown = 20;

}  // namespace

GroupState::~GroupState() = default;

GroupState::GroupState(LoopCore& core) : loop(core), exceptions_when_built(std::uncaught_exceptions()) {
  owner = loop.current;
  adopt(owner != nullptr ? owner->children : loop.families);
}

void GroupState::adopt(GroupState*& siblings) noexcept {
  next_sibling = siblings;
  if (siblings != nullptr) {
    siblings->sibling_slot = &next_sibling;
  }
  sibling_slot = &siblings;
  siblings = this;
}

void GroupState::leave_family() noexcept {
  *sibling_slot = next_sibling;
  if (next_sibling != nullptr) {
    next_sibling->sibling_slot = sibling_slot;
  }
  owner = nullptr;
}

void GroupState::cancel() noexcept {
  members.for_each([](Root& root) { root.request_cancel(); });
}

void GroupState::begin_body(bool carry_on) noexcept {
  if (carry_on || owner == nullptr) {
    return;
  }
  on_failure = OnFailure::kBody;
  delivered_before = owner->cancel_delivered;
  requests_before = owner->requests - (owner->cancel_pending ? 1 : 0);  // That one is for the body, and from others.
}

void GroupState::end_for_failure() noexcept {
  if (on_failure == OnFailure::kTasks) {
    on_failure = OnFailure::kNothing;
    ended_by_failure = true;
    wake_all(joining);
  } else if (on_failure == OnFailure::kBody && !supervised) {
    on_failure = OnFailure::kNothing;
    ended_by_failure = true;
    asked_owner = !owner->cancel_pending;
    owner->request_cancel();
    requests_then = owner->requests;
  }
}

std::exception_ptr GroupState::end_body(std::exception_ptr thrown, bool carry_on) noexcept {
  if (carry_on || owner == nullptr) {
    return thrown;
  }
  if (ended_by_failure) {
    const bool asked_by_others = owner->requests != requests_before + 1;
    // With a request of others, the one that is pending may be both: a call that the body awaited put them off
    // together.
    if (asked_owner && owner->requests == requests_then && !asked_by_others) {
      owner->cancel_pending = false;
    }
    if (!asked_by_others) {
      owner->cancel_delivered = delivered_before;
    }
    if (thrown && is_cancelled(thrown)) {
      thrown = nullptr;
      if (asked_by_others) {
        owner->cancel_pending = true;  // What leaves is the failure, so this request is still due.
      }
    }
  } else {
    on_failure = OnFailure::kTasks;
  }
  if (!thrown) {
    failures_asked = true;
    thrown = crash.failure;
  }
  return thrown;
}

void GroupState::keep_request(const std::exception_ptr& leaves, bool delivered) noexcept {
  if (!is_cancelled(leaves)) {
    loop.current->put_off_cancel(delivered);
  }
}

// The failure of a task is in the log already: by the drain, or by supervise().
BodyFailure::~BodyFailure() {
  if (!thrown || thrown == group_.crash.failure || is_cancelled(thrown)) {
    return;
  }
  log_text(LogLevel::kError, group_.loop.now(), "with_group", group_.label,
           [&] { return fmt::format("the body failed, and its caller is not told: {}", shown(thrown)); });
}

bool is_undelivered(const Root& root) noexcept {
  // A wait that no cancellation ends is parked with the request pending: nothing is due to it.
  return root.state == RootState::kReady ? root.cancel_pending || root.woken_by == Wake::kCancel
                                         : root.cancel_pending && root.state != RootState::kParked;
}

bool GroupState::has_undelivered() const noexcept {
  bool found = false;
  members.for_each([&](const Root& root) { found |= is_undelivered(root); });
  return found;
}

bool GroupState::contains(const Root* task) const noexcept {
  while (task != nullptr && task->group != nullptr) {
    if (task->group == this) {
      return true;
    }
    task = task->group->owner;
  }
  return false;
}

std::string GroupState::names() const {
  std::string names;
  std::size_t count = 0;
  members.for_each([&](const Root& root) {
    if (count++ < kShown) {
      names += (count == 1 ? "" : ", ") + to_string(root.name);
    }
  });
  if (count > kShown) {
    names += fmt::format(" and {} more", count - kShown);
  }
  return names;
}

std::string GroupState::reports() const {
  std::string lines;
  std::size_t count = 0;
  members.for_each([&](const Root& root) {
    if (count++ < kShown) {
      lines += "\n  " + to_string(root.report());
    }
  });
  if (count > kShown) {
    lines += fmt::format("\n  and {} more", count - kShown);
  }
  return lines;
}

bool GroupState::owner_is_unwinding() const noexcept {
  return loop.force_depth > 0 || std::uncaught_exceptions() > exceptions_when_built;
}

void GroupState::abandon(const char* what) noexcept {
  log_text(LogLevel::kWarning, loop.now(), what, label, [&] {
    return fmt::format("ended {} where {} stood, its owner is gone:{}", count_of_tasks(size), size == 1 ? "it" : "they",
                       reports());
  });
  GroupState* const around = loop.current != nullptr ? loop.current->group : nullptr;
  loop.force(*this, loop.force_depth > 0 ? loop.forced_into : around);
}

}  // namespace soak::detail

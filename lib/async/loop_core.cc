// SPDX-License-Identifier: Apache-2.0
#include "soak/detail/loop_core.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <typeinfo>
#include <utility>

#include "soak/event_loop.h"
#include "soak/task.h"

namespace soak::detail {

void contract_broken(const std::string& message) noexcept {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::fflush(stderr);
  std::abort();
}

bool handling_cancelled() noexcept {
  const std::type_info* const type = abi::__cxa_current_exception_type();
  return type != nullptr && *type == typeid(Cancelled);
}

// Root

void Root::request_cancel() noexcept {
  if (state == RootState::kParked) {
    wake(Wake::kCancel);
  } else {
    cancel_pending = true;
  }
}

std::coroutine_handle<> Root::frame() noexcept {
  return std::coroutine_handle<Promise<void>>::from_promise(*static_cast<Promise<void>*>(this));
}

TaskReport Root::report() const {
  const char* awaiting = "its turn";
  if (state == RootState::kNew) awaiting = "its first turn";
  if (state == RootState::kRunning) awaiting = "nothing, it runs";
  if (state == RootState::kParked) awaiting = leaf->awaiting();
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
  if (live() == 0) return;
  std::vector<TaskReport> reports;
  census(reports);
  std::string message =
      fmt::format("EventLoop destroyed before {} of its tasks; destroy the groups on a loop before it", live());
  for (const TaskReport& report : reports) message += "\n  " + to_string(report);
  contract_broken(message);
}

Instant LoopCore::since_origin() const noexcept { return Instant(std::chrono::steady_clock::now() - origin_); }

void LoopCore::require_own_thread(const char* call) const noexcept {
  if (std::this_thread::get_id() == thread_) return;
  contract_broken(
      fmt::format("{} called from a thread that is not its EventLoop's; hand it over with EventLoop::post()", call));
}

// Only the loop's thread writes, so no read-modify-write is needed.
void LoopCore::count_live(std::ptrdiff_t change) noexcept {
  live_.store(live_.load(std::memory_order_relaxed) + static_cast<std::size_t>(change), std::memory_order_relaxed);
}

void LoopCore::admit(Root& root, GroupState* group, TaskName name, TaskKind kind, std::source_location where) {
  static_cast<Promise<void>&>(root).PromiseBase::root = &root;
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
  }
  count_live(1);
  if (group != nullptr) push_ready(root);
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
  current = &root;
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
  if (GroupState* const group = root.group) {
    Promise<void>& promise = static_cast<Promise<void>&>(root);
    if (promise.failure) {
      if (group->failed++ == 0) {
        group->first_failure = std::move(promise.failure);
        group->first_failure_name = root.name;
      }
      group->failures_reported = false;
    } else if (root.ended_cancelled || root.cancel_delivered) {
      ++group->cancelled;
    } else {
      ++group->completed;
    }
    retire(root);
    root.frame().destroy();
  } else {
    retire(root);  // run() owns the frame, and takes the outcome from it.
  }
}

// Takes the task out of everything that knows it.
void LoopCore::retire(Root& root) noexcept {
  while (root.children != nullptr) {
    GroupState& child = *root.children;
    child.leave_family();
    child.adopt(families);
  }
  count_live(-1);
  if (main == &root) main = nullptr;
  if (root.group == nullptr) return;
  root.leave_group();
  if (--root.group->size == 0) wake_all(root.group->joining);
}

void LoopCore::fire_timers() noexcept {
  while (TimerNode* const node = timers.pop_due(turn_now)) node->expire();
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
  retire(root);
  root.frame().destroy();
}

void LoopCore::force(GroupState& group, GroupState* report_to) noexcept {
  GroupState* const outer = std::exchange(forced_into, report_to);
  ++force_depth;
  while (!group.members.empty()) {
    if (report_to != nullptr) ++report_to->forced;
    destroy(group.members.back());
  }
  --force_depth;
  forced_into = outer;
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
}

// GroupState

GroupState::GroupState(LoopCore& core) : loop(core), exceptions_when_built(std::uncaught_exceptions()) {
  owner = loop.current;
  adopt(owner != nullptr ? owner->children : loop.families);
}

void GroupState::adopt(GroupState*& siblings) noexcept {
  next_sibling = siblings;
  if (siblings != nullptr) siblings->sibling_slot = &next_sibling;
  sibling_slot = &siblings;
  siblings = this;
}

void GroupState::leave_family() noexcept {
  *sibling_slot = next_sibling;
  if (next_sibling != nullptr) next_sibling->sibling_slot = sibling_slot;
  owner = nullptr;
}

void GroupState::cancel() noexcept {
  members.for_each([](Root& root) { root.request_cancel(); });
}

bool GroupState::has_undelivered() const noexcept {
  bool found = false;
  members.for_each([&](const Root& root) {
    found |= root.cancel_pending || (root.state == RootState::kReady && root.woken_by == Wake::kCancel);
  });
  return found;
}

bool GroupState::contains(const Root* task) const noexcept {
  while (task != nullptr && task->group != nullptr) {
    if (task->group == this) return true;
    task = task->group->owner;
  }
  return false;
}

std::string GroupState::names() const {
  constexpr std::size_t kShown = 20;
  std::string names;
  std::size_t count = 0;
  members.for_each([&](const Root& root) {
    if (count++ < kShown) names += (count == 1 ? "" : ", ") + to_string(root.name);
  });
  if (count > kShown) names += fmt::format(" and {} more", count - kShown);
  return names;
}

}  // namespace soak::detail

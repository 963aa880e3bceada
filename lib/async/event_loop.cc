// SPDX-License-Identifier: Apache-2.0
#include "soak/event_loop.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "soak/detail/blocking_call.h"
#include "soak/detail/frame_cache.h"
#include "soak/task.h"

namespace soak {

std::string to_string(const TaskReport& report) {
  const std::chrono::duration<double> since = report.since.time_since_epoch();
  return fmt::format("{} awaits {} at {}:{} since {:.3f} s", report.name, report.awaiting, report.where.file_name(),
                     report.where.line(), since.count());
}

EventLoop::EventLoop(bool real, bool shuffle, std::uint64_t seed) : core_(*this, real, shuffle, seed), random_(seed) {}

EventLoop::~EventLoop() { detail::release_frames(); }

void EventLoop::run(Task<void> task) {
  if (!task.valid()) {
    detail::contract_broken("run() of a Task that was moved from, awaited or started before");
  }
  if (core_.running) {
    detail::contract_broken("EventLoop::run() called inside run(); co_await the task instead");
  }
  core_.running = true;
  core_.bind_thread();

  detail::Promise<void>& promise = task.handle_.promise();
  core_.turn_now = core_.now();
  promise.PromiseBase::root = &promise;
  core_.admit(promise, nullptr, "main", TaskKind::kFinite, std::source_location::current());
  try {
    core_.run_main(promise);
    while (core_.main != nullptr) {
      run_posted();
      core_.run_ready();
      if (core_.main != nullptr) {
        wait();
      }
    }
  } catch (...) {
    task.handle_ = nullptr;
    ++core_.force_depth;
    core_.destroy(promise);
    --core_.force_depth;
    core_.running = false;
    throw;
  }
  core_.running = false;
  promise.take();
}

void EventLoop::post(std::function<void()> function) {
  if (is_virtual() && std::this_thread::get_id() != core_.thread()) {
    throw Error(Errc::kInvalidArgument,
                "post() to a VirtualLoop from another thread: when it arrives depends on the machine, so the run "
                "could not be repeated; use a UvLoop");
  }
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(function));
    posted_pending_.store(true, std::memory_order_release);
  }
  interrupt_wait();
}

void EventLoop::end_services() noexcept {
  while (!services_.empty()) {
    const Service last = std::move(services_.back());
    services_.pop_back();
  }
}

void EventLoop::run_posted() {
  if (!posted_pending_.load(std::memory_order_acquire)) {
    return;
  }
  std::vector<std::function<void()>> functions;
  {
    const std::lock_guard lock(posted_mutex_);
    functions.swap(posted_);
    posted_pending_.store(false, std::memory_order_relaxed);
  }
  [&]() noexcept {
    for (const std::function<void()>& function : functions) {
      function();
    }
  }();
}

std::vector<TaskReport> EventLoop::tasks() const {
  std::vector<TaskReport> reports;
  core_.census(reports);
  return reports;
}

std::vector<TaskReport> EventLoop::stragglers() const {
  std::vector<TaskReport> reports;
  core_.stragglers.for_each([&](const detail::BlockingCall& call) { reports.push_back(call.report()); });
  return reports;
}

VirtualLoop::VirtualLoop(VirtualLoopOptions options)
    : EventLoop(false, options.shuffle, options.seed), wall_start_(options.wall_start) {}

VirtualLoop::~VirtualLoop() {
  end_services();
  // What they were told to run has run; only the time that they were told to take has not passed.
  while (!core_.stragglers.empty()) {
    core_.stragglers.front().drop();
  }
}

std::chrono::system_clock::time_point VirtualLoop::wall_now() const {
  return wall_start_ + std::chrono::duration_cast<std::chrono::system_clock::duration>(elapsed());
}

void VirtualLoop::wait() {
  if (!has_work()) {
    if (core_.timers.empty()) {
      std::string message = fmt::format("nothing can end the waits of {} tasks:", live_tasks());
      for (const TaskReport& report : tasks()) {
        message += "\n  " + to_string(report);
      }
      throw Error(Errc::kStuck, message);
    }
    if (core_.timers.next() > core_.turn_now) {
      core_.turn_now = core_.timers.next();
    }
  }
  core_.fire_timers();
}

}  // namespace soak

// SPDX-License-Identifier: Apache-2.0
#include "soak/detail/blocking_call.h"

#include <fmt/format.h>
#include <uv.h>

#include "lib/async/log_lines.h"
#include "lib/async/pool_threads.h"
#include "lib/text/format.h"
#include "soak/error.h"
#include "soak/run_blocking.h"

namespace soak::detail {

struct BlockingCall::Request : uv_work_t {};

BlockingCall::BlockingCall(EventLoop& loop, const BlockingOptions& options) noexcept
    : loop_(loop), virtual_duration_(options.virtual_duration) {}

BlockingCall::~BlockingCall() {
  if (failure_) {
    log_text(LogLevel::kError, loop_.now(), "run_blocking", "default", [&] {
      return fmt::format("the call of {} failed when no task waited for it any more: {}", to_string(name_),
                         shown(failure_));
    });
  }
  Link<StragglerTag>::unlink();
  loop_.core().timers.disarm(*this);
}

void BlockingCall::call_and_catch() noexcept {
  try {
    call();
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void BlockingCall::begin(Root& waiting, std::source_location where) noexcept {
  waiting_ = &waiting;
  name_ = waiting.name;
  where_ = where;
  since_ = loop_.core().turn_now;
  state_ = State::kRunning;
  if (loop_.is_virtual()) {
    call_and_catch();
    loop_.core().timers.arm(*this, later(loop_.now(), virtual_duration_));
    return;
  }
  if (const int error = pool_threads_error(); error != 0) {
    fail(fmt::format("no thread can be started: {}", text::format_errno(error)));
    return;
  }
  request_ = std::make_unique<Request>();
  request_->data = this;
  const int failed = uv_queue_work(
      static_cast<UvLoop&>(loop_).handle(), request_.get(),
      [](uv_work_t* request) { static_cast<BlockingCall*>(request->data)->call_and_catch(); },
      [](uv_work_t* request, int) { static_cast<BlockingCall*>(request->data)->returned(); });
  if (failed == 0) {
    ++loop_.core().pool_calls;
    return;
  }
  request_.reset();
  fail(fmt::format("libuv rejected the call: {}", uv_strerror(failed)));
}

void BlockingCall::fail(const std::string& why) noexcept {
  failure_ = std::make_exception_ptr(Error(Errc::kSystem, "run_blocking: " + why));
  state_ = State::kDone;
  waiting_->wake(Wake::kEvent);
}

bool BlockingCall::try_cancel() noexcept {
  if (state_ != State::kRunning) {
    return true;
  }
  if (request_ == nullptr || uv_cancel(reinterpret_cast<uv_req_t*>(request_.get())) != 0) {
    return false;
  }
  state_ = State::kCancelled;
  return true;
}

// On the loop, never inside a task.
void BlockingCall::returned() noexcept {
  const bool was_straggler = Link<StragglerTag>::linked();
  if (state_ == State::kRunning) {
    state_ = State::kDone;
  }
  if (request_ != nullptr) {
    --loop_.core().pool_calls;
  }
  request_.reset();
  if (released_) {
    if (was_straggler) {
      loop_.core().count_live(-1);
    }
    delete this;
  } else if (waiting_ != nullptr) {
    waiting_->wake(Wake::kEvent);
  }
}

void BlockingCall::release() noexcept {
  waiting_ = nullptr;
  if (try_cancel() && request_ == nullptr) {
    delete this;
    return;
  }
  released_ = true;
  if (state_ != State::kRunning) {
    return;  // Cancelled: libuv has still to say so.
  }
  loop_.core().stragglers.push_back(*this);
  loop_.core().count_live(1);
}

TaskReport BlockingCall::report() const { return {to_string(name_), "blocking call", where_, since_}; }

void BlockingCall::drop() noexcept {
  loop_.core().count_live(-1);
  delete this;
}

void BlockingWait::await_suspend(std::coroutine_handle<> frame) noexcept {
  park(frame);
  call_->begin(root(), root().where);
}

}  // namespace soak::detail

// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <uv.h>

#include <chrono>
#include <optional>
#include <string>

#include "lib/async/descriptors.h"
#include "lib/text/format.h"
#include "soak/event_loop.h"
#include "soak/task.h"

namespace soak {

namespace {

// Turns that may pass without a poll while tasks keep the loop busy and nobody's handle is active.
constexpr int kTurnsWithoutPoll = 64;

// The first loop has so many. libuv aborts the process where it finds some of them and then no more.
constexpr std::size_t kDescriptorsOfALoop = 6;

// For calls on the pool to return when the loop ends.
constexpr std::chrono::milliseconds kPoolGrace{5000};

}  // namespace

// Our handles are unreferenced, so that uv_loop_alive() speaks of everyone else's.
struct UvLoop::Handles {
  uv_loop_t loop;
  uv_timer_t timer;    // Armed to the next deadline.
  uv_async_t wake_up;  // Ends a poll when another thread posts.
  // libuv runs the timers that are due, and then waits all the same, for ever if that was the last one. This comes
  // between the two, so that a callback which has set an event is not followed by a wait; our own timer stops too.
  uv_prepare_t before_poll;
  std::optional<Instant> armed;
  int turns_without_poll = 0;

  // A loop without referenced handles would not be polled at all.
  void poll(uv_run_mode mode) {
    uv_ref(reinterpret_cast<uv_handle_t*>(&wake_up));
    uv_run(&loop, mode);
    uv_unref(reinterpret_cast<uv_handle_t*>(&wake_up));
  }
};

UvLoop::UvLoop(UvLoopOptions options) : EventLoop(true, false, options.seed), handles_(std::make_unique<Handles>()) {
  if (const int error = detail::descriptors_error(kDescriptorsOfALoop); error != 0) {
    throw Error(Errc::kSystem, fmt::format("cannot create a libuv loop: {}", text::format_errno(error)));
  }
  if (const int failed = uv_loop_init(&handles_->loop); failed != 0) {
    throw Error(Errc::kSystem, fmt::format("cannot create a libuv loop: {}", uv_strerror(failed)));
  }
  uv_timer_init(&handles_->loop, &handles_->timer);
  if (const int failed = uv_async_init(&handles_->loop, &handles_->wake_up, [](uv_async_t*) {}); failed != 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(&handles_->timer), nullptr);
    uv_run(&handles_->loop, UV_RUN_DEFAULT);
    uv_loop_close(&handles_->loop);
    throw Error(Errc::kSystem, fmt::format("cannot create a libuv async handle: {}", uv_strerror(failed)));
  }
  uv_prepare_init(&handles_->loop, &handles_->before_poll);
  handles_->before_poll.data = this;
  uv_prepare_start(&handles_->before_poll, [](uv_prepare_t* prepare) {
    if (static_cast<const UvLoop*>(prepare->data)->has_work()) {
      uv_stop(prepare->loop);
    }
  });
  uv_unref(reinterpret_cast<uv_handle_t*>(&handles_->before_poll));
  uv_unref(reinterpret_cast<uv_handle_t*>(&handles_->timer));
  uv_unref(reinterpret_cast<uv_handle_t*>(&handles_->wake_up));
}

UvLoop::~UvLoop() {
  end_services();
  await_pool();
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->timer), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->wake_up), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->before_poll), nullptr);
  while (closing_handles() > 0) {
    uv_run(&handles_->loop, UV_RUN_NOWAIT);
  }
  if (uv_loop_close(&handles_->loop) == 0) {
    return;
  }
  std::string types;
  uv_walk(
      &handles_->loop,
      [](uv_handle_t* handle, void* data) {
        auto& names = *static_cast<std::string*>(data);
        names += (names.empty() ? "" : ", ") + std::string(uv_handle_type_name(uv_handle_get_type(handle)));
      },
      &types);
  detail::contract_broken(fmt::format("UvLoop destroyed while handles are open: {}; close them first",
                                      types.empty() ? "none, but a request is still running" : types));
}

void UvLoop::await_pool() noexcept {
  if (core_.pool_calls == 0) {
    return;
  }
  uv_update_time(&handles_->loop);
  uv_timer_start(
      &handles_->timer, [](uv_timer_t* timer) { uv_stop(timer->loop); }, static_cast<std::uint64_t>(kPoolGrace.count()),
      0);
  const Instant until = detail::later(now(), kPoolGrace);
  while (core_.pool_calls > 0 && now() < until) {
    uv_run(&handles_->loop, UV_RUN_ONCE);
  }
  if (core_.stragglers.empty()) {
    return;
  }
  std::string message =
      fmt::format("UvLoop destroyed while {} blocking {} not returned, {} s after its end:", core_.pool_calls,
                  core_.pool_calls == 1 ? "call has" : "calls have",
                  std::chrono::duration_cast<std::chrono::seconds>(kPoolGrace).count());
  for (const TaskReport& report : stragglers()) {
    message += "\n  " + to_string(report);
  }
  detail::contract_broken(message);
}

std::chrono::system_clock::time_point UvLoop::wall_now() const { return std::chrono::system_clock::now(); }

std::size_t UvLoop::closing_handles() const {
  std::size_t closing = 0;
  uv_walk(
      &handles_->loop,
      [](uv_handle_t* handle, void* data) {
        if (uv_is_closing(handle) != 0) {
          ++*static_cast<std::size_t*>(data);
        }
      },
      &closing);
  return closing;
}

uv_loop_s* UvLoop::handle() { return &handles_->loop; }

void UvLoop::interrupt_wait() { uv_async_send(&handles_->wake_up); }

void UvLoop::wait() {
  Handles& uv = *handles_;
  core_.turn_now = core_.now();
  core_.fire_timers();
  if (has_work()) {
    if (uv_loop_alive(&uv.loop) == 0 && ++uv.turns_without_poll < kTurnsWithoutPoll) {
      return;
    }
    uv.turns_without_poll = 0;
    uv.poll(UV_RUN_NOWAIT);
  } else {
    if (core_.timers.empty()) {
      if (uv.armed) {
        uv_timer_stop(&uv.timer);
      }
      uv.armed.reset();
    } else if (uv.armed != core_.timers.next() || uv_is_active(reinterpret_cast<uv_handle_t*>(&uv.timer)) == 0) {
      // libuv counts in whole milliseconds: rounded up, and looked at again with our own clock.
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(core_.timers.next() - core_.turn_now);
      uv_update_time(&uv.loop);
      uv_timer_start(
          &uv.timer, [](uv_timer_t* timer) { uv_stop(timer->loop); }, static_cast<std::uint64_t>(left.count()), 0);
      uv.armed = core_.timers.next();
    }
    uv.poll(UV_RUN_ONCE);
  }
  core_.turn_now = core_.now();
  core_.fire_timers();
}

}  // namespace soak

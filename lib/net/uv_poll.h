// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_UV_POLL_H_
#define SOAK_LIB_NET_UV_POLL_H_

#include <uv.h>

#include <functional>
#include <utility>

namespace soak::net {

// Watches a descriptor that it does not own. The handle inside outlives it, as libuv wants; the descriptor
// may be closed or handed on as soon as it is gone.
class UvPoll {
 public:
  UvPoll(uv_loop_t* loop, int fd, std::function<void()> on_event) : handle_(new Handle) {
    handle_->on_event = std::move(on_event);
    handle_->poll.data = handle_;
    uv_poll_init(loop, &handle_->poll, fd);
  }
  ~UvPoll() {
    handle_->on_event = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&handle_->poll),
             [](uv_handle_t* closed) { delete static_cast<Handle*>(closed->data); });
  }
  UvPoll(const UvPoll&) = delete;
  UvPoll& operator=(const UvPoll&) = delete;

  void watch(int events) {
    uv_poll_start(&handle_->poll, events, [](uv_poll_t* poll, int /*status*/, int /*events*/) {
      // By value: the call may destroy the UvPoll. Errors show in the next read or write.
      const std::function<void()> on_event = static_cast<Handle*>(poll->data)->on_event;
      if (on_event) on_event();
    });
  }
  void watch_or_pause(int events) {
    if (events == 0) {
      pause();
    } else {
      watch(events);
    }
  }
  void pause() { uv_poll_stop(&handle_->poll); }

 private:
  struct Handle {
    uv_poll_t poll;
    std::function<void()> on_event;
  };
  Handle* handle_;
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_UV_POLL_H_

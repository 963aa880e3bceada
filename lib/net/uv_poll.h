// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_UV_POLL_H_
#define SOAK_LIB_NET_UV_POLL_H_

#include <uv.h>

#include <functional>
#include <type_traits>
#include <utility>

namespace soak::net {

// Watches a descriptor that it does not own. The handle inside outlives it, as libuv wants; the descriptor
// may be closed or handed on as soon as it is gone.
class UvPoll {
 public:
  // `on_event` may take the events that were seen, none when the system reports an error.
  template <typename OnEvent>
  UvPoll(uv_loop_t* loop, int fd, OnEvent on_event) : handle_(new Handle) {
    if constexpr (std::is_invocable_v<OnEvent&, int>) {
      handle_->on_event = std::move(on_event);
    } else {
      handle_->on_event = [plain = std::move(on_event)](int /*events*/) { plain(); };
    }
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
    // libuv asks the system twice for each call, also where nothing changes.
    if (std::exchange(handle_->events, events) == events) {
      return;
    }
    uv_poll_start(&handle_->poll, events, [](uv_poll_t* poll, int status, int seen) {
      Handle* const handle = static_cast<Handle*>(poll->data);
      if (status < 0) {
        handle->events = 0;  // libuv has stopped watching.
      }
      // By value: the call may destroy the UvPoll. Errors show in the next read or write.
      const std::function<void(int)> on_event = handle->on_event;
      if (on_event) {
        on_event(status < 0 ? 0 : seen);
      }
    });
  }
  void watch_or_pause(int events) {
    if (events == 0) {
      pause();
    } else {
      watch(events);
    }
  }
  void pause() {
    if (std::exchange(handle_->events, 0) != 0) {
      uv_poll_stop(&handle_->poll);
    }
  }

 private:
  struct Handle {
    uv_poll_t poll;
    int events = 0;  // That are watched.
    std::function<void(int)> on_event;
  };
  Handle* handle_;
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_UV_POLL_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_QUEUE_WAIT_H_
#define SOAK_DETAIL_QUEUE_WAIT_H_

// The awaitables that push() and pop() of Queue return.

#include <coroutine>
#include <optional>
#include <source_location>
#include <utility>

#include "soak/detail/intrusive_list.h"
#include "soak/detail/loop_core.h"

namespace soak {

template <typename T>
class Queue;

namespace detail {

struct GrantTag;

// Common to pushing and popping: a wait that the other side grants, or that close() ends. After the wake-up and before
// the task's turn it is in the queue's list of grants, so the queue and the task can be destroyed in either order.
class QueueWait : public Awaitable, public Link<GrantTag> {
 public:
  void unlink() noexcept final { root().leave_queue(); }

  void grant(List<QueueWait, GrantTag>& grants) noexcept {
    granted_ = true;
    root().wake(Wake::kEvent);
    grants.push_back(*this);
  }
  // The queue is gone: if the task still continues, it sees a closed queue.
  void forget() noexcept {
    granted_ = false;
    Link<GrantTag>::unlink();
  }
  const TaskName& task() const noexcept { return root().name; }
  const LoopCore& loop() const noexcept { return *root().loop; }

 protected:
  explicit QueueWait(std::source_location where) noexcept : Awaitable(where) {}
  QueueWait(const QueueWait&) = default;
  QueueWait& operator=(const QueueWait&) = default;
  ~QueueWait() = default;

  // True if there is something to give back.
  bool leave_grants() noexcept {
    const bool stood = Link<GrantTag>::linked();
    Link<GrantTag>::unlink();
    return stood;
  }

  bool granted_ = false;
};

template <typename T>
class PopWait final : public QueueWait {
 public:
  PopWait(Queue<T>& queue, std::source_location where) noexcept : QueueWait(where), queue_(&queue) {}

  bool await_ready() noexcept {
    if (cancelled_on_arrival()) {
      return true;
    }
    granted_ = queue_->reserve_item();
    return granted_ || queue_->exhausted();
  }
  void await_suspend(std::coroutine_handle<> frame) noexcept {
    park(frame);
    queue_->poppers_.push_back(root());
  }
  std::optional<T> await_resume() {
    outcome();
    leave_grants();
    if (!granted_) {
      return std::nullopt;
    }
    return queue_->take_reserved();
  }
  const char* awaiting() const noexcept override { return "queue, to pop"; }
  void abandoned() noexcept override {
    if (leave_grants()) {
      queue_->release_item();
    }
  }

 private:
  Queue<T>* queue_;
};

template <typename T>
class PushWait final : public QueueWait {
 public:
  PushWait(Queue<T>& queue, T& value, std::source_location where) noexcept
      : QueueWait(where), queue_(&queue), value_(&value) {}

  bool await_ready() noexcept {
    if (cancelled_on_arrival() || queue_->closed()) {
      return true;
    }
    granted_ = queue_->reserve_room();
    return granted_;
  }
  void await_suspend(std::coroutine_handle<> frame) noexcept {
    park(frame);
    queue_->pushers_.push_back(root());
  }
  bool await_resume() {
    outcome();
    leave_grants();
    if (!granted_) {
      return false;
    }
    if (queue_->closed()) {  // Closed meanwhile; the consumer may be gone.
      queue_->release_room();
      return false;
    }
    queue_->fill_reserved(std::move(*value_));
    return true;
  }
  const char* awaiting() const noexcept override { return "queue, to push"; }
  void abandoned() noexcept override {
    if (leave_grants()) {
      queue_->release_room();
    }
  }

 private:
  Queue<T>* queue_;
  T* value_;  // Owned by the caller until it resumes.
};

}  // namespace detail
}  // namespace soak

#endif  // SOAK_DETAIL_QUEUE_WAIT_H_

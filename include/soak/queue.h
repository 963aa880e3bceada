// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_QUEUE_H_
#define SOAK_QUEUE_H_

// A bounded queue between tasks. When it is full, the producer waits, so a slow consumer causes back-pressure instead
// of growing memory.
//
//   Queue<Frame> frames(64);
//   const bool accepted = co_await frames.push(std::move(frame));          // Waits for room; false once closed.
//   while (std::optional<Frame> frame = co_await frames.pop()) send(*frame);  // Ends when closed and empty.
//
// A producer that cannot wait, such as a microphone, asks for the other way: the oldest item makes room, and is
// counted. So does a queue that has used up a ByteBudget (soak/byte_budget.h), which several queues share.
//
//   Queue<Frame> audio({.capacity = 50, .when_full = WhenFull::kDropOldest, .label = "audio"});
//
// Items and waiting tasks are first in, first out. Items in a closed queue can still be popped. A task that is
// cancelled while it waits has pushed or popped nothing. A task that is destroyed after its wake-up but before its turn
// leaves its item, or its room, to the next one. Use a queue only on the loop, and the thread, of the tasks that wait
// on it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include "soak/byte_budget.h"
#include "soak/detail/budget_share.h"
#include "soak/detail/intrusive_list.h"
#include "soak/detail/loop_core.h"
#include "soak/detail/queue_wait.h"
#include "soak/error.h"
#include "soak/metrics/label.h"
#include "soak/task.h"

namespace soak {

enum class WhenFull : std::uint8_t {
  kWait,        // The producer waits for room.
  kDropOldest,  // The oldest item is dropped and counted. The producer never waits.
};

struct QueueOptions {
  std::size_t capacity = 0;  // In items; at least 1.
  WhenFull when_full = WhenFull::kWait;
  Label label = "default";  // For its metric.
};
static_assert(std::is_trivially_destructible_v<QueueOptions>);  // For g++ 12, see task.h.

// Metric of a queue that can drop: async_queue_dropped_total{label}.
template <typename T>
class Queue {
 public:
  // Throws Error(Errc::kInvalidArgument) if the capacity is 0.
  explicit Queue(std::size_t capacity) : Queue(QueueOptions{.capacity = capacity}) {}
  explicit Queue(QueueOptions options)
      : capacity_(options.capacity), when_full_(options.when_full), exceptions_when_built_(std::uncaught_exceptions()) {
    if (capacity_ == 0) {
      throw Error(Errc::kInvalidArgument, "Queue of capacity 0: expected at least 1");
    }
    if (when_full_ == WhenFull::kDropOldest) {
      drops_.emplace(options.label);
    }
  }
  // Also keeps within `budget`, which should outlive the queue: an item that does not fit pushes out the oldest ones,
  // or, if that is not enough, is dropped itself. `bytes_of` is called once for each item, and must not throw.
  Queue(QueueOptions options, ByteBudget& budget, std::size_t (*bytes_of)(const T&)) : Queue(options) {
    share_ = std::make_unique<detail::BudgetShare>(budget);
    bytes_of_ = bytes_of;
    if (!drops_) {
      drops_.emplace(options.label);
    }
  }
  // Aborts and names the tasks that wait on it, if any, unless an exception or a forced end is destroying them too.
  ~Queue() {
    end_waits(poppers_);
    end_waits(pushers_);
    while (!grants_.empty()) {
      detail::QueueWait& granted = grants_.front();
      require_unwinding(granted.loop(), to_string(granted.task()));
      granted.forget();
    }
  }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // Waits until there is room, unless the queue drops its oldest. Returns true if it took `value`, also if the budget
  // had no room for it and it was dropped; false if the queue is closed, and then `value` is unchanged. On g++ 12, pass
  // a named object, not a temporary aggregate, which would be destroyed twice (see task.h).
  [[nodiscard]] detail::PushWait<T> push(T&& value,
                                         std::source_location where = std::source_location::current()) noexcept {
    return detail::PushWait<T>(*this, value, where);
  }

  // Returns true if it took `value`. Returns false if there is no room or the queue is closed; then `value` is
  // unchanged.
  [[nodiscard]] bool try_push(T&& value) {
    if (closed_ || !reserve_room()) {
      return false;
    }
    fill_reserved(std::move(value));
    return true;
  }

  // Waits for the next item. Returns nullopt once the queue is closed and empty.
  [[nodiscard]] detail::PopWait<T> pop(std::source_location where = std::source_location::current()) noexcept {
    return detail::PopWait<T>(*this, where);
  }

  // Returns the next item if there is one that no task waits for; does not wait.
  [[nodiscard]] std::optional<T> try_pop() {
    if (!reserve_item()) {
      return std::nullopt;
    }
    return take_reserved();
  }

  // Accepts no more items. Wakes all tasks that wait for room, or for an item that will not come.
  void close() noexcept {
    closed_ = true;
    detail::wake_all(pushers_);
    end_poppers_if_exhausted();
  }

  // How many items were dropped so far.
  std::size_t dropped() const noexcept { return drops_ ? drops_->count() : 0; }

  bool closed() const noexcept { return closed_; }
  std::size_t size() const noexcept { return items_.size(); }
  bool empty() const noexcept { return items_.empty(); }
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  friend class detail::PopWait<T>;
  friend class detail::PushWait<T>;

  // An item, or room, is reserved for a woken task until that task has its turn.
  bool reserve_item() noexcept {
    if (items_.size() <= items_reserved_) {
      return false;
    }
    ++items_reserved_;
    return true;
  }
  T take_reserved() {
    --items_reserved_;
    T item = remove_oldest();
    grant_room();
    end_poppers_if_exhausted();
    return item;
  }
  void release_item() noexcept {
    --items_reserved_;
    grant_item();
  }
  void grant_item() noexcept {
    if (!poppers_.empty() && reserve_item()) {
      waiting(poppers_).grant(grants_);
    }
  }

  // No item is left, and none will come. Until a task that was woken for the last one has taken it, it may give it
  // back.
  bool exhausted() const noexcept { return closed_ && items_.empty(); }
  void end_poppers_if_exhausted() noexcept {
    if (exhausted()) {
      detail::wake_all(poppers_);
    }
  }

  bool reserve_room() noexcept {
    if (when_full_ == WhenFull::kWait && items_.size() + room_reserved_ >= capacity_) {
      return false;
    }
    ++room_reserved_;
    return true;
  }
  void fill_reserved(T&& value) {
    --room_reserved_;
    store(std::move(value));
    grant_item();
    grant_room();
  }
  void store(T&& value) {
    std::size_t drops = when_full_ == WhenFull::kDropOldest && items_.size() >= capacity_ ? 1 : 0;
    std::size_t bytes = 0;
    if (share_ != nullptr) {
      // As many items stay as tasks were woken for; `value` may be one of them.
      const std::size_t droppable = items_.size() - (std::max<std::size_t>(items_reserved_, 1) - 1);
      bytes = bytes_of_(value);
      const std::optional<std::size_t> needed = share_->drops_for(bytes, droppable);
      if (!needed) {
        [[maybe_unused]] const T dropped(std::move(value));
        drops_->add_one();
        return;
      }
      drops = std::max(drops, *needed);
    }
    for (; drops > 0; --drops) {
      [[maybe_unused]] const T dropped = remove_oldest();
      drops_->add_one();
    }
    if (share_ != nullptr) {
      share_->add_newest(bytes);
    }
    try {
      items_.push_back(std::move(value));
    } catch (...) {
      if (share_ != nullptr) {
        share_->remove_newest();
      }
      throw;
    }
  }
  T remove_oldest() {
    T item = std::move(items_.front());
    items_.pop_front();
    if (share_ != nullptr) {
      share_->remove_oldest();
    }
    return item;
  }
  void release_room() noexcept {
    --room_reserved_;
    grant_room();
  }
  void grant_room() noexcept {
    while (!pushers_.empty() && reserve_room()) {
      waiting(pushers_).grant(grants_);
    }
  }

  static detail::QueueWait& waiting(const detail::WaitList& waiters) noexcept {
    return static_cast<detail::QueueWait&>(*waiters.front().leaf);
  }

  // If the queue is destroyed during unwinding, these tasks are about to be destroyed too. Until then they get nothing.
  void end_waits(detail::WaitList& waiters) noexcept {
    if (waiters.empty()) {
      return;
    }
    require_unwinding(*waiters.front().loop, detail::names_of(waiters));
    while (!waiters.empty()) {
      waiters.front().leave_queue();
    }
  }
  void require_unwinding(const detail::LoopCore& loop, const std::string& names) noexcept {
    if (loop.force_depth > 0 || std::uncaught_exceptions() > exceptions_when_built_) {
      return;
    }
    detail::contract_broken("Queue destroyed while tasks wait on it: " + names + "; close it, and end them first");
  }

  std::deque<T> items_;
  std::size_t capacity_;
  WhenFull when_full_;
  std::optional<detail::DropCount> drops_;  // Of a queue that can drop.
  std::unique_ptr<detail::BudgetShare> share_;
  std::size_t (*bytes_of_)(const T&) = nullptr;
  std::size_t items_reserved_ = 0;
  std::size_t room_reserved_ = 0;
  detail::WaitList poppers_;
  detail::WaitList pushers_;
  detail::List<detail::QueueWait, detail::GrantTag> grants_;
  int exceptions_when_built_;
  bool closed_ = false;
};

}  // namespace soak

#endif  // SOAK_QUEUE_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_TIMER_HEAP_H_
#define SOAK_DETAIL_TIMER_HEAP_H_

// The timers of a loop, in the order (time, sequence).
//
// A 4-ary heap: its keys lie side by side, so that sifting touches few cache lines, and each node knows its
// place, so that a wait that ends early leaves in O(log n). It allocates nothing but the room for its keys.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "soak/detail/clock.h"

namespace soak::detail {

class TimerNode {
 public:
  static constexpr std::uint32_t kIdle = std::numeric_limits<std::uint32_t>::max();

  bool armed() const noexcept { return heap_index != kIdle; }

  // Called once, by the loop, when the time has come. The node is no longer armed then.
  virtual void expire() noexcept = 0;

  std::uint32_t heap_index = kIdle;  // The heap's.

 protected:
  ~TimerNode() = default;
};

class TimerHeap {
 public:
  bool empty() const noexcept { return entries_.empty(); }
  std::size_t size() const noexcept { return entries_.size(); }

  // Not empty.
  Instant next() const noexcept { return entries_.front().when; }

  // The node stays where it is until it expires or is disarmed. Instant::max() is never: it is not armed.
  void arm(TimerNode& node, Instant when) {
    if (when == Instant::max()) {
      return;
    }
    entries_.push_back({when, sequence_++, &node});
    sift_up(entries_.size() - 1);
  }

  // No effect on a node that is not armed.
  void disarm(TimerNode& node) noexcept {
    if (!node.armed()) {
      return;
    }
    const std::size_t hole = node.heap_index;
    node.heap_index = TimerNode::kIdle;
    const Entry last = entries_.back();
    entries_.pop_back();
    if (hole == entries_.size()) {
      return;
    }
    entries_[hole] = last;
    if (hole > 0 && before(last, entries_[(hole - 1) / 4])) {
      sift_up(hole);
    } else {
      sift_down(hole);
    }
  }

  // Takes out the first node that is due at `now`; null when none is.
  TimerNode* pop_due(Instant now) noexcept {
    if (entries_.empty() || entries_.front().when > now) {
      return nullptr;
    }
    TimerNode* const node = entries_.front().node;
    disarm(*node);
    return node;
  }

 private:
  struct Entry {
    Instant when;
    std::uint64_t sequence;
    TimerNode* node;
  };

  static bool before(const Entry& a, const Entry& b) noexcept {
    return a.when != b.when ? a.when < b.when : a.sequence < b.sequence;
  }

  void place(std::size_t at, const Entry& entry) noexcept {
    entries_[at] = entry;
    entry.node->heap_index = static_cast<std::uint32_t>(at);
  }

  void sift_up(std::size_t at) noexcept {
    const Entry entry = entries_[at];
    while (at > 0) {
      const std::size_t parent = (at - 1) / 4;
      if (!before(entry, entries_[parent])) {
        break;
      }
      place(at, entries_[parent]);
      at = parent;
    }
    place(at, entry);
  }

  void sift_down(std::size_t at) noexcept {
    const Entry entry = entries_[at];
    for (;;) {
      const std::size_t first = 4 * at + 1;
      if (first >= entries_.size()) {
        break;
      }
      const std::size_t end = first + 4 < entries_.size() ? first + 4 : entries_.size();
      std::size_t least = first;
      for (std::size_t child = first + 1; child < end; ++child) {
        if (before(entries_[child], entries_[least])) {
          least = child;
        }
      }
      if (!before(entries_[least], entry)) {
        break;
      }
      place(at, entries_[least]);
      at = least;
    }
    place(at, entry);
  }

  std::vector<Entry> entries_;
  std::uint64_t sequence_ = 0;
};

}  // namespace soak::detail

#endif  // SOAK_DETAIL_TIMER_HEAP_H_

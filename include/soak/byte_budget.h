// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_BYTE_BUDGET_H_
#define SOAK_BYTE_BUDGET_H_

// Bounds the bytes that several queues hold together.
//
// A capacity bounds the items of one queue. A service with 200 sessions of three queues each has 600 such bounds, and
// their sum is more memory than the machine has. Queues that share a budget stay within it, however many there are:
//
//   ByteBudget budget(256 * kMiB);   // Of the service.
//   Queue<Frame> audio({.capacity = 500, .label = "audio"}, budget, [](const Frame& frame) { return frame.pcm.size();
//   });
//
// An item that does not fit pushes out the oldest items of its own queue, never those of another: the session that
// fell behind loses audio, not its neighbour. If that does not make enough room, the item itself is dropped. Each queue
// counts what it dropped, see soak/queue.h. Bytes return to the budget when an item is popped, dropped, or destroyed
// with its queue. Use a budget only on the loop, and the thread, of its queues.

#include <cstddef>

#include "soak/detail/budget_share.h"
#include "soak/detail/intrusive_list.h"

namespace soak {

class ByteBudget {
 public:
  // Throws Error(Errc::kInvalidArgument) if `bytes_max` is 0.
  explicit ByteBudget(std::size_t bytes_max);
  // Queues that outlive it, because everything is being torn down, are no longer bounded by it.
  ~ByteBudget();
  ByteBudget(const ByteBudget&) = delete;
  ByteBudget& operator=(const ByteBudget&) = delete;

  std::size_t bytes() const noexcept { return bytes_; }  // In all its queues.
  std::size_t bytes_max() const noexcept { return bytes_max_; }

 private:
  friend class detail::BudgetShare;

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  detail::List<detail::BudgetShare, detail::ShareTag> shares_;
};

}  // namespace soak

#endif  // SOAK_BYTE_BUDGET_H_

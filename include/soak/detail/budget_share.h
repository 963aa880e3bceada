// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_BUDGET_SHARE_H_
#define SOAK_DETAIL_BUDGET_SHARE_H_

// The machinery of Queue for what it drops: its part of a ByteBudget, and the count.

#include <cstddef>
#include <deque>
#include <optional>

#include "soak/detail/intrusive_list.h"
#include "soak/metrics/label.h"
#include "soak/metrics/metrics.h"

namespace soak {

class ByteBudget;

namespace detail {

struct ShareTag;

// What the items of one queue take from the budget, in their order.
class BudgetShare : public Link<ShareTag> {
 public:
  explicit BudgetShare(ByteBudget& budget) noexcept;
  ~BudgetShare();
  BudgetShare(const BudgetShare&) = delete;
  BudgetShare& operator=(const BudgetShare&) = delete;

  // How many of the oldest items have to go so that `bytes` more fit; nullopt if more than `droppable`.
  std::optional<std::size_t> drops_for(std::size_t bytes, std::size_t droppable) const noexcept;

  void add_newest(std::size_t bytes);
  void remove_newest() noexcept;
  void remove_oldest() noexcept;

  // The budget is gone: from now on everything fits.
  void forget() noexcept { budget_ = nullptr; }

 private:
  void give_back(std::size_t bytes) noexcept;

  ByteBudget* budget_;
  std::deque<std::size_t> items_;
};

// The items that a queue dropped: its own count, and that of all queues of its label.
class DropCount {
 public:
  explicit DropCount(Label label);
  void add_one() noexcept {
    ++count_;
    metric_.increment();
  }
  std::size_t count() const noexcept { return count_; }

 private:
  metrics::Counter metric_;
  std::size_t count_ = 0;
};

}  // namespace detail
}  // namespace soak

#endif  // SOAK_DETAIL_BUDGET_SHARE_H_

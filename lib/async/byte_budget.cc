// SPDX-License-Identifier: Apache-2.0
#include "soak/byte_budget.h"

#include "soak/error.h"

namespace soak {

ByteBudget::ByteBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {
  if (bytes_max == 0) {
    throw Error(Errc::kInvalidArgument, "ByteBudget of 0 bytes: expected at least 1");
  }
}

ByteBudget::~ByteBudget() {
  while (!shares_.empty()) {
    detail::BudgetShare& share = shares_.front();
    share.forget();
    share.unlink();
  }
}

namespace detail {

BudgetShare::BudgetShare(ByteBudget& budget) noexcept : budget_(&budget) { budget.shares_.push_back(*this); }

BudgetShare::~BudgetShare() {
  while (!items_.empty()) {
    remove_oldest();
  }
  unlink();
}

std::optional<std::size_t> BudgetShare::drops_for(std::size_t bytes, std::size_t droppable) const noexcept {
  if (budget_ == nullptr) {
    return 0;
  }
  std::size_t room = budget_->bytes_max_ - budget_->bytes_;
  for (std::size_t drops = 0;; ++drops) {
    if (bytes <= room) {
      return drops;
    }
    if (drops == droppable) {
      return std::nullopt;
    }
    room += items_[drops];
  }
}

void BudgetShare::add_newest(std::size_t bytes) {
  items_.push_back(bytes);
  if (budget_ != nullptr) {
    budget_->bytes_ += bytes;
  }
}

void BudgetShare::remove_newest() noexcept {
  give_back(items_.back());
  items_.pop_back();
}

void BudgetShare::remove_oldest() noexcept {
  give_back(items_.front());
  items_.pop_front();
}

void BudgetShare::give_back(std::size_t bytes) noexcept {
  if (budget_ != nullptr) {
    budget_->bytes_ -= bytes;
  }
}

DropCount::DropCount(Label label)
    : metric_(metrics::counter("async_queue_dropped_total", "Items that a Queue dropped to make room.",
                               {{"label", label}})) {}

}  // namespace detail
}  // namespace soak

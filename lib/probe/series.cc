// SPDX-License-Identifier: Apache-2.0
#include "soak/probe/series.h"

#include <algorithm>

namespace soak::probe {

Series::Series(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 2)) { kept_.reserve(capacity_); }

void Series::add(const Point& point) noexcept {
  if (added_ % stride_ == 0) {
    if (kept_.size() == capacity_) {
      halve();
    }
    if (added_ % stride_ == 0) {
      kept_.push_back(point);  // Never beyond what the constructor reserved.
    }
  }
  if (added_ == 0 || point.value > peak_.value) {
    peak_ = point;
  }
  last_ = point;
  ++added_;
}

void Series::halve() noexcept {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < kept_.size(); i += 2) {
    kept_[kept++] = kept_[i];
  }
  kept_.resize(kept);
  stride_ *= 2;
}

std::vector<Point> Series::points() const {
  std::vector<Point> points = kept_;
  if (added_ > 0 && (added_ - 1) % stride_ != 0) {
    points.push_back(last_);
  }
  return points;
}

std::optional<Point> Series::first() const noexcept {
  return kept_.empty() ? std::nullopt : std::optional<Point>(kept_.front());
}

std::optional<Point> Series::last() const noexcept { return empty() ? std::nullopt : std::optional<Point>(last_); }

std::optional<Point> Series::peak() const noexcept { return empty() ? std::nullopt : std::optional<Point>(peak_); }

}  // namespace soak::probe

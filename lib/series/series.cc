// SPDX-License-Identifier: Apache-2.0
#include "soak/series/series.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <type_traits>
#include <utility>

namespace soak::probe {
namespace {

static_assert(std::is_trivially_copyable_v<Point>, "it lives in mapped memory");

// Every page is there from now on, so that none of them is a later growth of RSS; and they stay small ones: a huge page
// put in their place would be one too.
Point* map_points(std::size_t capacity) {
  void* const memory = ::mmap(nullptr, capacity * sizeof(Point), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::bad_alloc();
  }
  ::madvise(memory, capacity * sizeof(Point), MADV_NOHUGEPAGE);
  return static_cast<Point*>(memory);
}

}  // namespace

Series::Series(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 2)) { kept_ = map_points(capacity_); }

Series::~Series() {
  if (kept_ != nullptr) {
    ::munmap(kept_, capacity_ * sizeof(Point));
  }
}

Series::Series(const Series& other) : Series(other.capacity_) {
  std::copy_n(other.kept_, other.size_, kept_);
  size_ = other.size_;
  stride_ = other.stride_;
  added_ = other.added_;
  last_ = other.last_;
  peak_ = other.peak_;
}

Series& Series::operator=(const Series& other) {
  if (this != &other) {
    *this = Series(other);
  }
  return *this;
}

Series::Series(Series&& other) noexcept
    : kept_(std::exchange(other.kept_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(other.capacity_),
      stride_(other.stride_),
      added_(std::exchange(other.added_, 0)),
      last_(other.last_),
      peak_(other.peak_) {}

Series& Series::operator=(Series&& other) noexcept {
  std::swap(kept_, other.kept_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  std::swap(stride_, other.stride_);
  std::swap(added_, other.added_);
  std::swap(last_, other.last_);
  std::swap(peak_, other.peak_);
  return *this;
}

Series Series::of(const std::vector<Point>& points, std::uint64_t added, std::optional<Point> peak) {
  // Every `stride`-th value is a point, and so is the newest: the stride follows from how many there are of each.
  const auto points_at = [added](std::uint64_t stride) { return (added + stride - 2) / stride + 1; };
  std::uint64_t stride = 1;
  constexpr std::uint64_t kAddedMax = std::uint64_t{1} << 62;  // More is no count, and would overflow.
  while (added > points.size() && added < kAddedMax && points.size() > 1 && points_at(stride) > points.size()) {
    stride *= 2;
  }
  const bool newest_is_extra = stride > 1 && (added - 1) % stride != 0;
  Series series(std::max(points.size() - (newest_is_extra ? 1 : 0), kDefaultCapacity));
  for (const Point& point : points) {
    series.add(point);
  }
  if (stride > 1 && points_at(stride) == points.size()) {
    series.size_ = points.size() - (newest_is_extra ? 1 : 0);
    series.stride_ = stride;
    series.added_ = added;
  }
  if (peak && !points.empty()) {
    series.peak_ = *peak;
  }
  return series;
}

void Series::add(Point point) noexcept {
  point.at = added_ == 0 ? point.at : std::max(point.at, last_.at);
  if (added_ % stride_ == 0) {
    if (size_ == capacity_) {
      halve();
    }
    if (added_ % stride_ == 0) {
      kept_[size_++] = point;
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
  for (std::size_t i = 0; i < size_; i += 2) {
    kept_[kept++] = kept_[i];
  }
  size_ = kept;
  stride_ *= 2;
}

void Series::append(const Series& later, std::chrono::nanoseconds from, std::int64_t shift) {
  from = empty() ? from : std::max(from, last_.at);
  if (later.empty() || later.last_.at < from) {
    return;
  }
  std::uint64_t stride = std::max(stride_, later.stride_);
  std::vector<Point> points;
  for (std::size_t i = 0; i < size_; i += stride / stride_) {
    points.push_back(kept_[i]);
  }
  for (std::size_t i = 0; i < later.size_; i += stride / later.stride_) {
    if (later.kept_[i].at >= from) {
      points.push_back(later.kept_[i]);
      points.back().value += shift;
    }
  }
  while (points.size() > capacity_) {
    for (std::size_t i = 1; i < points.size(); ++i) {
      if (i % 2 == 0) {
        points[i / 2] = points[i];
      }
    }
    points.resize((points.size() + 1) / 2);
    stride *= 2;
  }
  const bool was_empty = empty();
  last_ = later.last_;
  last_.value += shift;
  const Point peak = later.peak_.at >= from ? later.peak_ : later.last_;
  if (was_empty || peak.value + shift > peak_.value) {
    peak_ = peak;
    peak_.value += shift;
  }
  if (points.empty()) {
    points.push_back(last_);
  }
  std::copy(points.begin(), points.end(), kept_);
  size_ = points.size();
  stride_ = stride;
  // As many as it takes for these points to be every `stride`-th, and the newest one apart where it is none of them.
  added_ = (size_ - 1) * stride_ + (points.back().at == last_.at || stride_ == 1 ? 1 : 2);
}

Series Series::zeroed() const {
  Series zeros(*this);
  std::for_each(zeros.kept_, zeros.kept_ + zeros.size_, [](Point& point) { point.value = 0; });
  zeros.last_.value = 0;
  zeros.peak_.value = 0;
  return zeros;
}

std::vector<Point> Series::points() const {
  std::vector<Point> points(kept_, kept_ + size_);
  if (added_ > 0 && (added_ - 1) % stride_ != 0) {
    points.push_back(last_);
  }
  return points;
}

std::optional<Point> Series::first() const noexcept {
  return size_ == 0 ? std::nullopt : std::optional<Point>(kept_[0]);
}

std::optional<Point> Series::last() const noexcept { return empty() ? std::nullopt : std::optional<Point>(last_); }

std::optional<Point> Series::peak() const noexcept { return empty() ? std::nullopt : std::optional<Point>(peak_); }

}  // namespace soak::probe

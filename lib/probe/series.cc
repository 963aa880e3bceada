// SPDX-License-Identifier: Apache-2.0
#include "soak/probe/series.h"

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

void Series::add(const Point& point) noexcept {
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

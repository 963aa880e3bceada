// SPDX-License-Identifier: Apache-2.0
#include "soak/series/series.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>
#include <new>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>

#include "lib/series/stride.h"

namespace soak::probe {
namespace {

using std::chrono::nanoseconds;

static_assert(std::is_trivially_copyable_v<Stride>, "it lives in mapped memory");

// The parts of an open stride have sizes of a power of two, each only once, and one restored from a file may be
// another.
constexpr std::size_t kPartsMax = 33;

// A larger stride is no count, and would overflow.
constexpr std::uint64_t kStrideMax = std::uint64_t{1} << 30;

// A gap in time is one that a chart shows: so many times as long as the points are apart on average. So there can be
// only a few of them.
constexpr double kGap = 8;

Stride* map_strides(std::size_t capacity) {
  const std::size_t size = (capacity + kPartsMax) * sizeof(Stride);
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::bad_alloc();
  }
  // A huge page put in place of the small ones would be a growth of RSS.
  ::madvise(memory, size, MADV_NOHUGEPAGE);
  return static_cast<Stride*>(memory);
}

// In nanoseconds, of which some multiples are more than an integer holds.
double gap_of(std::span<const Stride> strides) noexcept {
  return strides.size() < 2 ? std::numeric_limits<double>::infinity()
                            : static_cast<double>((strides.back().at - strides.front().at).count()) /
                                  static_cast<double>(strides.size() - 1) * kGap;
}

double apart(nanoseconds from, nanoseconds to) noexcept { return static_cast<double>((to - from).count()); }

// Merges neighbours where together they are at most `stride` values; not across a gap or the beginning of a segment,
// unless `across`. Returns how many are left.
std::size_t merge_pairs(std::span<Stride> strides, std::uint64_t stride, bool across) noexcept {
  const double gap = 2 * gap_of(strides);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < strides.size(); ++i) {
    const Stride& one = strides[i];
    const Stride* const next = i + 1 < strides.size() ? &strides[i + 1] : nullptr;
    const bool together = next != nullptr && std::uint64_t{one.count} + next->count <= stride &&
                          (across || (!next->begins_segment && apart(one.at, next->at) <= gap));
    strides[kept++] = together ? merged(one, *next) : Stride(one);
    i += together ? 1 : 0;
  }
  return kept;
}

// The same for strides of `stride` values, which leaves at most three quarters of them.
std::size_t thin(std::span<Stride> strides, std::uint64_t stride) noexcept {
  const std::size_t left = merge_pairs(strides, stride, false);
  return left * 4 <= strides.size() * 3 ? left : merge_pairs(strides.first(left), stride, true);
}

// The stride for which thin() makes fewer of `strides`, none of which is longer than `stride`. Where most ended early,
// that is `stride` itself: twice as long each time, it would soon overflow, and what is added later would be one point.
std::uint64_t stride_to_thin(std::span<const Stride> strides, std::uint64_t stride) noexcept {
  const auto add = [](std::uint64_t sum, const Stride& one) { return sum + one.count; };
  const std::uint64_t values = std::accumulate(strides.begin(), strides.end(), std::uint64_t{0}, add);
  return values <= stride * strides.size() / 4 ? stride : 2 * stride;
}

void thin(std::vector<Stride>& strides, std::uint64_t stride) { strides.resize(thin(std::span(strides), stride)); }

}  // namespace

Series::Series(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 2)) { kept_ = map_strides(capacity_); }

Series::~Series() {
  if (kept_ != nullptr) {
    ::munmap(kept_, (capacity_ + kPartsMax) * sizeof(Stride));
  }
}

Series::Series(const Series& other) : Series(other.capacity_) {
  std::copy_n(other.kept_, other.size_, kept_);
  std::copy_n(other.kept_ + capacity_, other.parts_, kept_ + capacity_);
  size_ = other.size_;
  stride_ = other.stride_;
  added_ = other.added_;
  parts_ = other.parts_;
  leaf_size_ = other.leaf_size_;
  open_ = other.open_;
  begins_segment_ = other.begins_segment_;
  leaf_ = other.leaf_;
  first_ = other.first_;
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
      parts_(std::exchange(other.parts_, 0)),
      leaf_size_(std::exchange(other.leaf_size_, 0)),
      open_(std::exchange(other.open_, 0)),
      begins_segment_(other.begins_segment_),
      leaf_(other.leaf_),
      first_(other.first_),
      last_(other.last_),
      peak_(other.peak_) {}

Series& Series::operator=(Series&& other) noexcept {
  std::swap(kept_, other.kept_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  std::swap(stride_, other.stride_);
  std::swap(added_, other.added_);
  std::swap(parts_, other.parts_);
  std::swap(leaf_size_, other.leaf_size_);
  std::swap(open_, other.open_);
  std::swap(begins_segment_, other.begins_segment_);
  std::swap(leaf_, other.leaf_);
  std::swap(first_, other.first_);
  std::swap(last_, other.last_);
  std::swap(peak_, other.peak_);
  return *this;
}

Series Series::of(const std::vector<Point>& points, std::uint64_t added, const Ends& ends) {
  std::uint64_t stride = 1;
  while (stride < kStrideMax && stride * points.size() < added) {
    stride *= 2;
  }
  // That many points come of that many values: all but the last stand for a stride.
  const bool fits = added >= points.size() && stride < kStrideMax;
  Series series(std::max(points.size(), kDefaultCapacity));
  series.stride_ = fits ? stride : 1;
  series.added_ = fits ? added : points.size();
  if (points.empty()) {
    return series;
  }
  // Strides that ended early make it more than there were.
  const std::uint64_t before = series.stride_ * (points.size() - 1);
  const std::uint64_t newest = series.added_ > before ? series.added_ - before : series.stride_;
  for (const Point& point : points) {
    Stride& kept = series.kept_[series.size_++];
    kept = stride_of(point, static_cast<std::uint32_t>(&point == &points.back() ? newest : series.stride_));
  }
  if (newest < series.stride_) {
    series.push(series.kept_[--series.size_]);
    series.open_ = newest;
  }
  const auto higher = [](const Point& a, const Point& b) { return a.high < b.high; };
  const Point& highest = *std::max_element(points.begin(), points.end(), higher);
  series.first_ = ends.first.value_or(points.front());
  series.last_ = ends.last.value_or(points.back());
  series.peak_ = ends.peak.value_or(Point{highest.at, highest.cycle, highest.high});
  return series;
}

void Series::touch() noexcept {
  // Written, since a page that was only read is not there yet. What is used already is.
  std::memset(static_cast<void*>(kept_ + size_), 0, (capacity_ - size_) * sizeof(Stride));
  std::memset(static_cast<void*>(kept_ + capacity_ + parts_), 0, (kPartsMax - parts_) * sizeof(Stride));
}

void Series::clear() noexcept {
  size_ = 0;
  stride_ = 1;
  added_ = 0;
  parts_ = 0;
  leaf_size_ = 0;
  open_ = 0;
  begins_segment_ = false;
}

void Series::add(Point point) noexcept {
  point = {empty() ? point.at : std::max(point.at, last_.at), point.cycle, point.value};
  if (is_gap(point)) {
    close_stride(true);
  }
  if (empty()) {
    first_ = point;
  }
  if (empty() || point.value > peak_.value) {
    peak_ = point;
  }
  last_ = point;
  ++added_;
  leaf_[leaf_size_++] = point;
  if (leaf_size_ == kLeaf) {
    push(stride_of(leaf_));
    leaf_size_ = 0;
  }
  if (++open_ == stride_) {
    close_stride(false);
  }
}

bool Series::is_gap(const Point& next) const noexcept {
  return open_ > 0 && size_ > 1 && apart(last_.at, next.at) > gap_of({kept_, size_});
}

// Two parts of the same size become one. So each value is merged as often as it would be in a series thinned later.
void Series::push(const Stride& stride) noexcept {
  Stride* const parts = kept_ + capacity_;
  parts[parts_++] = stride;
  for (; parts_ > 1 && parts[parts_ - 2].count == parts[parts_ - 1].count; --parts_) {
    parts[parts_ - 2] = merged(parts[parts_ - 2], parts[parts_ - 1]);
  }
}

Stride Series::open_stride() const noexcept {
  const Stride* const parts = kept_ + capacity_;
  std::size_t next = parts_;
  Stride stride = leaf_size_ > 0 ? stride_of(std::span(leaf_).first(leaf_size_)) : parts[--next];
  while (next > 0) {
    stride = merged(parts[--next], stride);
  }
  stride.begins_segment = begins_segment_;
  return stride;
}

// Keeps the open stride. If that makes the strides longer, it stays open, unless it is `whole` as it is.
void Series::close_stride(bool whole) noexcept {
  if (open_ == 0) {
    return;
  }
  if (size_ == capacity_) {
    halve();
    if (!whole && open_ < stride_) {
      return;
    }
  }
  kept_[size_++] = open_stride();
  parts_ = 0;
  leaf_size_ = 0;
  open_ = 0;
  begins_segment_ = false;
}

void Series::halve() noexcept {
  stride_ = stride_to_thin({kept_, size_}, stride_);
  size_ = thin({kept_, size_}, stride_);
}

void Series::begin_segment(nanoseconds at) noexcept {
  if (empty()) {
    return;
  }
  if (at > last_.at) {
    close_stride(true);
    begins_segment_ = true;
    return;
  }
  const auto before = [at](const Stride& stride) { return stride.at < at; };
  if (Stride* const first = std::find_if_not(kept_, kept_ + size_, before); first != kept_ + size_) {
    first->begins_segment = true;
  }
}

std::vector<Stride> Series::strides() const {
  std::vector<Stride> strides(kept_, kept_ + size_);
  if (open_ > 0) {
    strides.push_back(open_stride());
  }
  return strides;
}

void Series::append(const Series& later, nanoseconds from, std::int64_t shift) {
  from = empty() ? from : std::max(from, last_.at);
  if (later.empty() || later.last_.at < from) {
    return;
  }
  const auto shifted = [shift](Point point) {
    return Point{point.at, point.cycle, point.value + shift, point.low + shift, point.high + shift};
  };
  std::vector<Stride> all = strides();
  std::vector<Stride> more = later.strides();
  for (; stride_ < later.stride_; thin(all, stride_)) {
    stride_ *= 2;
  }
  for (std::uint64_t stride = later.stride_; stride < stride_; thin(more, stride)) {
    stride *= 2;
  }
  std::erase_if(more, [from](const Stride& stride) { return stride.at < from; });
  if (more.empty()) {
    more.push_back(stride_of(later.last_, 1));
  }
  const Point peak = shifted(later.peak_.at >= from ? later.peak_ : later.last_);
  if (empty()) {
    first_ = shifted(later.first_.at >= from ? later.first_ : more.front().point());
  }
  if (empty() || peak.value > peak_.value) {
    peak_ = peak;
  }
  last_ = shifted(later.last_);
  more.front().begins_segment = !empty();
  for (Stride& stride : more) {
    stride.shift(shift);
    added_ += stride.count;
  }
  all.insert(all.end(), more.begin(), more.end());
  for (; all.size() > capacity_; thin(all, stride_)) {
    stride_ = stride_to_thin(all, stride_);
  }
  std::copy(all.begin(), all.end(), kept_);
  size_ = all.size();
  parts_ = 0;
  leaf_size_ = 0;
  open_ = 0;
  begins_segment_ = false;
}

Series Series::zeroed() const {
  Series zeros(*this);
  const auto zero = [](Stride& stride) {
    stride.low = 0;
    stride.high = 0;
    stride.shares = {};
  };
  std::for_each(zeros.kept_, zeros.kept_ + zeros.size_, zero);
  std::for_each(zeros.kept_ + zeros.capacity_, zeros.kept_ + zeros.capacity_ + zeros.parts_, zero);
  const auto zeroed = [](const Point& point) { return Point{point.at, point.cycle}; };
  std::transform(leaf_.begin(), leaf_.end(), zeros.leaf_.begin(), zeroed);
  zeros.first_ = zeroed(first_);
  zeros.last_ = zeroed(last_);
  zeros.peak_ = zeroed(first_);
  return zeros;
}

std::vector<Point> Series::points() const {
  std::vector<Point> points;
  points.reserve(size_ + 1);
  std::transform(kept_, kept_ + size_, std::back_inserter(points), [](const Stride& stride) { return stride.point(); });
  if (open_ > 0) {
    points.push_back(open_stride().point());
  }
  return points;
}

std::optional<Point> Series::first() const noexcept { return empty() ? std::nullopt : std::optional<Point>(first_); }

std::optional<Point> Series::last() const noexcept { return empty() ? std::nullopt : std::optional<Point>(last_); }

std::optional<Point> Series::peak() const noexcept { return empty() ? std::nullopt : std::optional<Point>(peak_); }

}  // namespace soak::probe

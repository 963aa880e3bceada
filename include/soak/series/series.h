// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_SERIES_SERIES_H_
#define SOAK_SERIES_SERIES_H_

// One quantity over the time of a run, in a fixed amount of memory, whose size does not depend on how much it was
// given.
//
// A Series holds at most `capacity` points. While it has room, each value is a point. When it is full, neighbours are
// merged in pairs, and from then on a point stands for a stride of 2, 4, 8, ... consecutive values, with their median,
// their lowest and their highest value, at the mean of their times. So an hour and a week cost the same, an outlier
// moves no median, and a sawtooth of about a stride's length does not turn into a slope. It makes no difference whether
// a value came before or after the series was full. Values are summed up in the same way, whatever they measure: of a
// counter, which only rises, the median is the count in the middle of the stride. docs/report.md says more for readers
// of a report.
//
// The first value, the newest and the peak are exact. A stride ends early at a gap in time that a chart would show, and
// where a segment begins.
//
// Use it to sum up a stream of any length: 10^7 values take a fraction of a second. It is not synchronised: hold a lock
// if you share it between threads. Its memory is mapped at construction, outside the malloc heap, and adding allocates
// nothing. After touch() it is also resident, so measuring changes neither the heap in use nor RSS.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace soak::probe {

enum class Unit { kBytes, kCount };

// A value at a time since the start of the run, after `cycle` finished cycles. Where it stands for several values, it
// is their median, and has the lowest and the highest of them.
struct Point {
  std::chrono::nanoseconds at{};
  std::uint64_t cycle = 0;
  std::int64_t value = 0;
  std::int64_t low = value;
  std::int64_t high = value;
};

struct Stride;

// The values of a series that are exact. Those that are absent are taken from its points.
struct Ends {
  std::optional<Point> first = {};
  std::optional<Point> last = {};
  std::optional<Point> peak = {};
};

class Series {
 public:
  static constexpr std::size_t kDefaultCapacity = 4096;

  // Maps the memory, which becomes resident as it is used. `capacity` is at least 2. Throws std::bad_alloc.
  explicit Series(std::size_t capacity = kDefaultCapacity);
  ~Series();
  Series(const Series& other);
  Series& operator=(const Series& other);
  Series(Series&& other) noexcept;  // The moved-from Series can only be destroyed or assigned to.
  Series& operator=(Series&& other) noexcept;

  // Restores a saved Series from its points(), the number of values it was given, and its ends. If the number of points
  // does not fit the number of values, the points count as all values that there were.
  static Series of(const std::vector<Point>& points, std::uint64_t added, const Ends& ends = {});

  // Makes all of its memory resident, so that RSS does not grow with it. A copy is not touched.
  void touch() noexcept;

  // Forgets all values. The memory stays, resident where it was.
  void clear() noexcept;

  // Adds a single value. Time never goes back: a point that arrives late, because two threads measure, gets the time of
  // the newest one.
  void add(Point point) noexcept;

  // A new segment begins at this time, for example another process: no point stands for values on both sides.
  void begin_segment(std::chrono::nanoseconds at) noexcept;

  // Adds the points of `later` from `from` on, but none before the newest value here, as a segment of its own, each
  // with `shift` added. Both get the coarser resolution of the two, so that no stretch has more weight than another.
  void append(const Series& later, std::chrono::nanoseconds from, std::int64_t shift);

  // The same points with every value 0: the history of a count that is new now. Allocates, like a copy.
  Series zeroed() const;

  // How many values were added, and how many of them a whole point stands for.
  std::uint64_t added() const noexcept { return added_; }
  std::uint64_t stride() const noexcept { return stride_; }
  bool empty() const noexcept { return added_ == 0; }

  // In order of time. The last one may stand for fewer values than the others.
  std::vector<Point> points() const;

  std::optional<Point> first() const noexcept;
  std::optional<Point> last() const noexcept;
  std::optional<Point> peak() const noexcept;

 private:
  static constexpr std::size_t kLeaf = 8;  // So many values are summed up at once.

  bool is_gap(const Point& next) const noexcept;
  void push(const Stride& stride) noexcept;
  Stride open_stride() const noexcept;
  std::vector<Stride> strides() const;
  void close_stride(bool whole) noexcept;
  void halve() noexcept;

  Stride* kept_ = nullptr;  // `capacity_` of them, and then the parts of the open stride.
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::uint64_t stride_ = 1;
  std::uint64_t added_ = 0;

  // The stride that is not complete: its parts, no two of them alike in size, and its newest values.
  std::size_t parts_ = 0;
  std::size_t leaf_size_ = 0;
  std::uint64_t open_ = 0;  // How many values it has.
  bool begins_segment_ = false;
  std::array<Point, kLeaf> leaf_;

  Point first_;
  Point last_;
  Point peak_;
};

}  // namespace soak::probe

#endif  // SOAK_SERIES_SERIES_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_SERIES_SERIES_H_
#define SOAK_SERIES_SERIES_H_

// One quantity over the time of a run, in a fixed amount of memory.
//
// A Series holds at most `capacity` points. When it is full, it drops every second point, and from then on keeps every
// second new value. So an hour and a week cost the same. The first value, the newest value and the peak are always
// exact. It is not synchronised: hold a lock if you share it between threads.
//
// Its memory is mapped and touched at construction, outside the malloc heap. Adding allocates nothing, so measuring
// changes neither the heap in use nor RSS.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace soak::probe {

enum class Unit { kBytes, kCount };

// A value at a time since the start of the run, after `cycle` finished cycles.
struct Point {
  std::chrono::nanoseconds at{};
  std::uint64_t cycle = 0;
  std::int64_t value = 0;
};

class Series {
 public:
  static constexpr std::size_t kDefaultCapacity = 4096;

  // Allocates the memory. `capacity` is at least 2. Throws std::bad_alloc.
  explicit Series(std::size_t capacity = kDefaultCapacity);
  ~Series();
  Series(const Series& other);
  Series& operator=(const Series& other);
  Series(Series&& other) noexcept;  // The moved-from Series can only be destroyed or assigned to.
  Series& operator=(Series&& other) noexcept;

  // Restores a saved Series from its points(), the number of values it was given, and its peak (by default the highest
  // point). If the number of points does not fit the number of values, the points count as all values that there were.
  static Series of(const std::vector<Point>& points, std::uint64_t added, std::optional<Point> peak = std::nullopt);

  // Time never goes back: a point that arrives late, because two threads measure, gets the time of the newest one.
  void add(Point point) noexcept;

  // Adds the points of `later` from `from` on, but none before the newest value here, each with `shift` added. Both get
  // the coarser resolution of the two, so that no stretch has more weight than another. Allocates.
  void append(const Series& later, std::chrono::nanoseconds from, std::int64_t shift);

  // The same points with every value 0: the history of a count that is new now. Allocates, like a copy.
  Series zeroed() const;

  // How many values were added. points() keeps some of them.
  std::uint64_t added() const noexcept { return added_; }
  bool empty() const noexcept { return added_ == 0; }

  // In order of time: the first value, the kept ones, the newest.
  std::vector<Point> points() const;

  std::optional<Point> first() const noexcept;
  std::optional<Point> last() const noexcept;
  std::optional<Point> peak() const noexcept;

 private:
  void halve() noexcept;

  Point* kept_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::uint64_t stride_ = 1;
  std::uint64_t added_ = 0;
  Point last_;
  Point peak_;
};

}  // namespace soak::probe

#endif  // SOAK_SERIES_SERIES_H_

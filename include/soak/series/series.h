// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_SERIES_SERIES_H_
#define SOAK_SERIES_SERIES_H_

// One quantity over the time of a run, in memory that does not grow with the run.
//
// A Series holds at most `capacity` points. When it is full it forgets every second one and from then
// on keeps every second value it is given, so that an hour and a week cost the same. The first value,
// the newest one and the peak are always exact. Not synchronised: whoever shares a Series between threads
// holds a lock.
//
// Its memory is mapped and touched when it is made, and is no part of the malloc heap: adding allocates nothing, and
// neither the heap in use nor RSS moves because something is measured.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace soak::probe {

enum class Unit { kBytes, kCount };

// A value at a time since the start of the run, when `cycle` cycles had been finished.
struct Point {
  std::chrono::nanoseconds at{};
  std::uint64_t cycle = 0;
  std::int64_t value = 0;
};

class Series {
 public:
  static constexpr std::size_t kDefaultCapacity = 4096;

  // `capacity` is at least 2; the memory is taken here. Throws std::bad_alloc.
  explicit Series(std::size_t capacity = kDefaultCapacity);
  ~Series();
  Series(const Series& other);
  Series& operator=(const Series& other);
  Series(Series&& other) noexcept;  // Leaves one that can be destroyed or assigned to, no more.
  Series& operator=(Series&& other) noexcept;

  // One that was written down: its points() again, how many values it had been given, and its peak, which is the
  // highest of the points unless given. Points that are fewer than such a Series would have kept, or more, are taken as
  // all there ever were.
  static Series of(const std::vector<Point>& points, std::uint64_t added, std::optional<Point> peak = std::nullopt);

  // A point that comes late, because two threads measure, is taken as of the time of the newest one: time never goes
  // back.
  void add(Point point) noexcept;

  // Adds what `later` holds from `from` on, and no earlier than the newest value here, each value plus `shift`: at the
  // coarser resolution of the two, so that no stretch weighs more than another. Allocates.
  void append(const Series& later, std::chrono::nanoseconds from, std::int64_t shift);

  // The same points with every value 0: what a count that is new now was at those times. Allocates as a copy does.
  Series zeroed() const;

  // How many values were given, of which points() keeps some.
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

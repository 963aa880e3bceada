// SPDX-License-Identifier: Apache-2.0
#include "lib/growth/counts.h"

#include <algorithm>
#include <chrono>

namespace soak::probe {
namespace {

// One or two rises are a library that opens a file or starts a thread when it first needs it, whenever that is.
constexpr std::size_t kRisesMin = 3;
constexpr int kPartOfRun = 3;          // Over at least a third of it.
constexpr std::size_t kLateShare = 3;  // At least a third of the rises come in the second half of their time: a pool
                                       // that grows to its size slows down.
constexpr std::size_t kLastTenth = 10;

std::vector<Point> points_of(const Track& track) {
  return track.at_rest.added() >= 2 ? track.at_rest.points() : track.timeline.points();
}

}  // namespace

Floor floor_of(const Track& track) {
  Floor floor{&track, points_of(track), {}, 0};
  std::vector<Point>& points = floor.points;
  std::int64_t most = points.empty() ? 0 : points.front().value;
  for (const Point& point : points) {
    most = std::max(most, point.value);
    floor.fell = std::max(floor.fell, most - point.value);
  }
  for (std::size_t i = points.size(); i-- > 1;) {
    points[i - 1].value = std::min(points[i - 1].value, points[i].value);
  }
  for (std::size_t i = 1; i < points.size(); ++i) {
    if (points[i].value > points[i - 1].value) {
      floor.rises.push_back(i);
    }
  }
  return floor;
}

Floor exact_floor_of(const Track& track) {
  Floor floor{&track, points_of(track), {}, 0};
  std::vector<Point>& points = floor.points;
  if (points.empty()) {
    return floor;
  }
  const std::size_t last = std::max<std::size_t>(points.size() / kLastTenth, 1);
  for (std::size_t i = points.size() - last; i < points.size(); ++i) {
    points.back().value = std::min(points.back().value, points[i].value);
  }
  return floor;
}

bool goes_on_rising(const Floor& floor) {
  if (floor.rises.size() < kRisesMin || floor.rise() <= floor.fell) {
    return false;
  }
  const auto at = [&](std::size_t i) { return floor.points[i].at; };
  const auto first = at(floor.rises.front());
  const auto end = floor.points.back().at;
  if ((at(floor.rises.back()) - first) * kPartOfRun < end - floor.points.front().at) {
    return false;
  }
  const auto middle = first + (end - first) / 2;
  const auto late =
      std::count_if(floor.rises.begin() + 1, floor.rises.end(), [&](std::size_t i) { return at(i) > middle; });
  return static_cast<std::size_t>(late) * kLateShare >= floor.rises.size() - 1;
}

}  // namespace soak::probe

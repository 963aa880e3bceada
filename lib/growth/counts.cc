// SPDX-License-Identifier: Apache-2.0
#include "lib/growth/counts.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace soak::probe {
namespace {

// One or two rises are a library that opens a file or starts a thread when it first needs it, whenever that is.
constexpr std::size_t kRisesMin = 3;
constexpr int kPartOfRun = 3;          // Over at least a third of it.
constexpr int kLifeOfRun = 2;          // A process that lived less than half of it shows little but its start.
constexpr std::size_t kLateShare = 3;  // At least a third of the rises come in the second half of their time: a pool
                                       // that grows to its size slows down.
constexpr std::size_t kLastTenth = 10;

std::vector<Point> points_of(const Track& track) {
  return track.at_rest.added() >= 2 ? track.at_rest.points() : track.timeline.points();
}

// Of several processes the one that was seen longest: what another process held is no level to rise from.
std::vector<Point> longest_life(const std::vector<Point>& points,
                                const std::vector<std::chrono::nanoseconds>& restarts) {
  const auto of_time = [&points](std::chrono::nanoseconds at) {
    return std::lower_bound(points.begin(), points.end(), at,
                            [](const Point& point, auto time) { return point.at < time; });
  };
  auto longest = std::pair(points.begin(), points.begin());
  auto first = points.begin();
  const auto end_life = [&](auto end) {
    const auto lasts = [](const auto& life) {
      return life.first == life.second ? std::chrono::nanoseconds{} : std::prev(life.second)->at - life.first->at;
    };
    if (const auto life = std::pair(first, end); lasts(life) >= lasts(longest)) {
      longest = life;
    }
    first = end;
  };
  for (const std::chrono::nanoseconds restart : restarts) {
    end_life(of_time(restart));
  }
  end_life(points.end());
  return {longest.first, longest.second};
}

Floor floor_through(const Track& track, const std::vector<Point>& all) {
  Floor floor{&track, longest_life(all, track.restarts), {}, 0, {}};
  if (!all.empty()) {
    floor.run = all.back().at - all.front().at;
  }
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

// Whether what rose late in [first, end] is at least its share. By the number of rises; or, where a busy run was seen
// seldom in its second half, by how often a look found a rise and by how much it rose.
bool rises_late(const Floor& floor) {
  const std::size_t first = floor.rises.front();
  const auto middle = floor.points[first].at + (floor.points.back().at - floor.points[first].at) / 2;
  const auto late_from =
      std::upper_bound(floor.points.begin() + static_cast<std::ptrdiff_t>(first) + 1, floor.points.end(), middle,
                       [](auto time, const Point& point) { return time < point.at; });
  const auto split = static_cast<std::size_t>(late_from - floor.points.begin());
  const auto late = static_cast<std::size_t>(
      std::count_if(floor.rises.begin(), floor.rises.end(), [split](std::size_t i) { return i >= split; }));
  const std::size_t early = floor.rises.size() - 1 - late;
  if (late * kLateShare >= early + late) {
    return true;
  }
  const std::size_t late_points = floor.points.size() - split;
  const std::size_t early_points = split - first - 1;
  const std::int64_t late_rise = floor.points.back().value - floor.points[split - 1].value;
  return late * early_points * kLateShare >= early * late_points &&
         late_rise * static_cast<std::int64_t>(kLateShare) >= floor.rise();
}

}  // namespace

Floor floor_of(const Track& track) { return floor_through(track, points_of(track)); }

Floor floor_after_start_of(const Track& track) {
  std::vector<Point> points = points_of(track);
  points.erase(points.begin(), std::find_if(points.begin(), points.end(), [](const Point& p) { return p.cycle > 0; }));
  return floor_through(track, points);
}

Floor exact_floor_of(const Track& track) {
  Floor floor{&track, points_of(track), {}, 0, {}};
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
  if ((floor.points.back().at - floor.points.front().at) * kLifeOfRun < floor.run) {
    return false;
  }
  const auto between = floor.points[floor.rises.back()].at - floor.points[floor.rises.front()].at;
  return between * kPartOfRun >= floor.run && rises_late(floor);
}

}  // namespace soak::probe

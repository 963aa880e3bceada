// SPDX-License-Identifier: Apache-2.0
#include "lib/run/parts.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

namespace soak {
namespace {

using probe::Measurements;
using probe::Operation;
using probe::Point;
using probe::Series;
using probe::Track;
using std::chrono::nanoseconds;

// Where a part's values begin to count: its first quiescent point, or else its first value after a cycle.
std::optional<Point> baseline_of(const Track& track) {
  if (!track.at_rest.empty()) {
    return track.at_rest.first();
  }
  const std::optional<Point> start = track.timeline.first();
  for (const Point& point : track.timeline.points()) {
    if (point.cycle > start->cycle) {
      return point;
    }
  }
  return track.timeline.last();
}

std::optional<Point> end_of(const Track& track) {
  return track.at_rest.empty() ? track.timeline.last() : track.at_rest.last();
}

// `from` is the same for all tracks and operations, or their quiescent points would no longer be the same ones.
// Returns when the part begins in this track, if it does and others came before.
std::optional<nanoseconds> join_track(Track& joined, const Track& part, nanoseconds from) {
  const std::optional<Point> baseline = baseline_of(part);
  if (!baseline) {
    return std::nullopt;
  }
  const std::optional<Point> end = end_of(joined);
  const std::int64_t shift = end ? end->value - baseline->value : 0;
  const nanoseconds begins = std::max(from, baseline->at);
  joined.timeline.append(part.timeline, begins, shift);
  joined.at_rest.append(part.at_rest, from, shift);
  if (end) {
    joined.restarts.push_back(begins);
  }
  std::copy_if(part.restarts.begin(), part.restarts.end(), std::back_inserter(joined.restarts),
               [begins](nanoseconds at) { return at > begins; });
  return end ? std::optional(begins) : std::nullopt;
}

}  // namespace

Measurements join_parts(const Measurements& before, const Measurements& part) {
  Measurements joined = before;
  // A part that ended a moment late overlaps with the one after it.
  nanoseconds from{};
  for (const Track& track : before.tracks) {
    if (const auto last = track.at_rest.last()) {
      from = std::max(from, last->at);
    }
  }
  // A count that is new now was 0 at the quiescent points before.
  Series none;
  for (const Track& track : before.tracks) {
    if (track.at_rest.added() > none.added()) {
      none = track.at_rest.zeroed();
    }
  }
  std::optional<nanoseconds> began;
  for (const Track& track : part.tracks) {
    const auto same = std::find_if(joined.tracks.begin(), joined.tracks.end(),
                                   [&track](const Track& other) { return other.name == track.name; });
    if (same == joined.tracks.end()) {
      joined.tracks.push_back(track);
    } else {
      const std::optional<nanoseconds> begins = join_track(*same, track, from);
      began = began && begins ? std::min(*began, *begins) : std::max(began, begins);
    }
  }
  for (const Operation& operation : part.operations) {
    auto same = std::find_if(joined.operations.begin(), joined.operations.end(),
                             [&operation](const Operation& other) { return other.name == operation.name; });
    if (same == joined.operations.end()) {
      same = joined.operations.insert(same, {operation.name, none});
    }
    same->at_rest.append(operation.at_rest, from, 0);
  }
  joined.candidates = before.candidates || part.candidates;
  joined.baseline_unsettled = before.quiescent_points > 0 ? before.baseline_unsettled : part.baseline_unsettled;
  if (part.quiescent_points > 0) {
    joined.last_unsettled = part.last_unsettled;
  }
  if (!part.unsettled_by.empty()) {
    joined.unsettled_by = part.unsettled_by;
  }
  if (began) {
    joined.restarts.push_back({*began, "the soak went on in another process"});
  }
  joined.restarts.insert(joined.restarts.end(), part.restarts.begin(), part.restarts.end());
  joined.vanished.insert(joined.vanished.end(), part.vanished.begin(), part.vanished.end());
  joined.probe_cpu += part.probe_cpu;
  joined.quiescent_points += part.quiescent_points;
  joined.unsettled_points += part.unsettled_points;
  return joined;
}

}  // namespace soak

// SPDX-License-Identifier: Apache-2.0
#include "soak/probe/probe.h"

#include <optional>
#include <utility>

#include "soak/probe/process.h"

namespace soak::probe {

const Track* Measurements::find(std::string_view name) const {
  for (const Track& track : tracks) {
    if (track.name == name) {
      return &track;
    }
  }
  return nullptr;
}

namespace {

// Longer names than this take memory when they first appear, as std::string does.
constexpr std::size_t kNameRoom = 64;

}  // namespace

Probe::Probe() {
  measured_.unsettled_by.reserve(kNameRoom);
  const std::string heap = heap_source();
  add("rss", Unit::kBytes, Cost::kCheap, {}, read_rss_bytes);
  add("heap", Unit::kBytes, Cost::kDear, heap.rfind("not available", 0) == 0 ? heap : std::string{}, read_heap_bytes);
  add("fds", Unit::kCount, Cost::kCheap, {}, read_open_fds);
  add("sockets", Unit::kCount, Cost::kDear, {}, read_open_sockets);
  add("threads", Unit::kCount, Cost::kCheap, {}, read_threads);
}

void Probe::add(std::string name, Unit unit, Cost cost, std::string unavailable, Reader read) {
  Track track;
  track.name = std::move(name);
  track.unit = unit;
  if (unavailable.empty() && !read()) {
    unavailable = "not available on this system";
  }
  track.unavailable = std::move(unavailable);
  measured_.tracks.push_back(std::move(track));
  readers_.push_back(std::move(read));
  costs_.push_back(cost);
}

void Probe::add_gauge(std::string name, std::function<std::int64_t()> read) {
  const std::lock_guard lock(mutex_);
  add(std::move(name), Unit::kCount, Cost::kCheap, {},
      [read = std::move(read)] { return std::optional<std::int64_t>(read()); });
}

void Probe::watch_operations(std::size_t most, std::function<std::size_t(std::span<OperationCount>)> read) {
  const std::lock_guard lock(mutex_);
  read_operations_ = std::move(read);
  counts_.resize(most);
  measured_.operations.reserve(most);
  names_.resize(most);
  for (std::string& name : names_) {
    name.reserve(kNameRoom);
  }
}

void Probe::sample(std::chrono::nanoseconds at, std::uint64_t cycle) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    Track& track = measured_.tracks[i];
    if (costs_[i] == Cost::kCheap && track.unavailable.empty()) {
      if (const auto value = readers_[i]()) {
        track.timeline.add({at, cycle, *value});
      }
    }
  }
}

void Probe::rest(std::chrono::nanoseconds at, std::uint64_t cycle, std::string_view unsettled_by) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    Track& track = measured_.tracks[i];
    if (!track.unavailable.empty()) {
      continue;
    }
    if (const auto value = readers_[i]()) {
      track.timeline.add({at, cycle, *value});
      track.at_rest.add({at, cycle, *value});
    }
  }
  rest_operations(at, cycle);
  measured_.last_unsettled = !unsettled_by.empty();
  if (measured_.last_unsettled) {
    ++measured_.unsettled_points;
    measured_.baseline_unsettled |= measured_.quiescent_points == 0;
    measured_.unsettled_by = unsettled_by;
  }
  ++measured_.quiescent_points;
}

void Probe::rest_operations(std::chrono::nanoseconds at, std::uint64_t cycle) {
  std::vector<Operation>& operations = measured_.operations;
  const std::size_t count = read_operations_ ? read_operations_(counts_) : 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i == operations.size()) {
      names_[i] = counts_[i].name;
      operations.push_back({std::move(names_[i]), rests_.zeroed()});
    }
    operations[i].at_rest.add({at, cycle, static_cast<std::int64_t>(counts_[i].count)});
  }
  rests_.add({at, cycle, 0});
}

std::optional<Point> Probe::latest(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const Track* track = measured_.find(name);
  return track == nullptr ? std::nullopt : track->timeline.last();
}

std::vector<Reading> Probe::latest() const {
  const std::lock_guard lock(mutex_);
  std::vector<Reading> readings;
  for (const Track& track : measured_.tracks) {
    if (const auto last = track.timeline.last()) {
      readings.push_back({track.name, track.unit, *last});
    }
  }
  return readings;
}

Measurements Probe::measurements() const {
  const std::lock_guard lock(mutex_);
  return measured_;
}

}  // namespace soak::probe

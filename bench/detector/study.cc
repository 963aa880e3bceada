// SPDX-License-Identifier: Apache-2.0
// Measures how often the verdict accuses clean shapes at the end of a run, and how soon it finds a leak and stays with
// it. bench/detector-results.md has the output.
//
//   detector_study TRACES [RUNS [SHAPE]]   200 runs a cell by default; SHAPE selects shapes by part of their name
//
// A day of RSS is simulated in every tenth run. TRACES is a folder of CSV files recorded from clean soaks:
// time_s,rss_bytes,heap_bytes, a line per quiescent point. The noise of the heap is taken from them, and none of them
// may be accused either. For comparison the tables show what other tests say of the hour. The exit status is 1 when a
// limit or a target is missed.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "all_cores.h"
#include "generators.h"
#include "peers.h"
#include "soak/growth/trends.h"
#include "soak/series/series.h"

namespace soak::bench {
namespace {

using probe::GrowthState;
using probe::Measurements;
using probe::Series;
using probe::Track;
using probe::Trend;
using probe::Unit;

constexpr std::size_t kMinute = 60;
constexpr std::size_t kHour = 60 * kMinute;
constexpr double kRssNoise = 200;  // KB.
constexpr double kNever = 1e9;

enum class Kind { kRss, kHeap };

// As a probe keeps the first `seconds` of it: RSS over time, or heap at quiescent points that are a reconnect and a
// second apart.
Trend judge(Kind kind, const std::vector<double>& kilobytes, double leak_per_second, std::size_t seconds) {
  Track track;
  track.name = kind == Kind::kRss ? "rss" : "heap";
  track.unit = Unit::kBytes;
  for (std::size_t i = 0; i < std::min(seconds, kilobytes.size()); ++i) {
    const double value = 1024 * (64 * 1024 + kilobytes[i] + leak_per_second * static_cast<double>(i));
    const probe::Point point{std::chrono::seconds(i), i, static_cast<std::int64_t>(value)};
    (kind == Kind::kRss ? track.timeline : track.at_rest).add(point);
  }
  return kind == Kind::kRss ? probe::slope_of(track) : probe::residue_of(track, Measurements{}, "reconnect");
}

GrowthState state_at_end(Kind kind, const std::vector<double>& kilobytes) {
  return judge(kind, kilobytes, 0, kilobytes.size()).state;
}

// The first look from which on every later one is certain. Each comes after a tenth more time than the one before.
double certain_from(Kind kind, const std::vector<double>& kilobytes, double leak_per_second) {
  double first = kNever;
  for (auto at = static_cast<double>(kilobytes.size()); at > 5; at /= 1.1) {
    if (judge(kind, kilobytes, leak_per_second, static_cast<std::size_t>(at)).state != GrowthState::kCertain) {
      break;
    }
    first = at;
  }
  return first;
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

std::string minutes(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value >= kNever ? "never" : "%.1f", value / 60);
  return text;
}

struct Trace {
  std::string name;
  std::vector<double> rss;  // KB.
  std::vector<double> heap;
};

Trace read_trace(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line) || line != "time_s,rss_bytes,heap_bytes") {
    std::fprintf(stderr, "%s: expected the header time_s,rss_bytes,heap_bytes\n", path.c_str());
    std::exit(2);
  }
  Trace trace{path.stem().string(), {}, {}};
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    double time = 0;
    double rss = 0;
    double heap = 0;
    char comma = 0;
    fields >> time >> comma >> rss >> comma >> heap;
    trace.rss.push_back(rss / 1024);
    trace.heap.push_back(heap / 1024);
  }
  return trace;
}

std::vector<Trace> read_traces(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".csv") {
      paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Trace> traces;
  for (const std::filesystem::path& path : paths) {
    traces.push_back(read_trace(path));
  }
  return traces;
}

std::vector<double> second_half(const std::vector<double>& values) {
  return {values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end()};
}

// Standard deviation of what is left of a line through the second half, where warm-up is over.
double noise_of(const std::vector<double>& values) {
  const std::vector<double> half = second_half(values);
  const auto n = static_cast<double>(half.size());
  double sy = 0;
  double sxy = 0;
  for (std::size_t i = 0; i < half.size(); ++i) {
    sy += half[i];
    sxy += (static_cast<double>(i) - (n - 1) / 2) * half[i];
  }
  const double slope = sxy / (n * (n * n - 1) / 12);
  double squares = 0;
  for (std::size_t i = 0; i < half.size(); ++i) {
    const double left = half[i] - sy / n - slope * (static_cast<double>(i) - (n - 1) / 2);
    squares += left * left;
  }
  return std::sqrt(squares / (n - 2));
}

// An hour of minutes of the second half, one after the other as chance has it.
std::vector<double> hour_of(const std::vector<double>& recorded, Random& random) {
  const std::vector<double> half = second_half(recorded);
  std::uniform_int_distribution<std::size_t> from(0, half.size() - kMinute);
  std::vector<double> values;
  while (values.size() < kHour) {
    const auto begin = half.begin() + static_cast<std::ptrdiff_t>(from(random));
    values.insert(values.end(), begin, begin + kMinute);
  }
  return values;
}

struct FalseAlarms {
  bool rss = false;
  bool likely = false;  // RSS.
  bool day = false;
  bool heap = false;
  bool kendall = false;
  bool squares = false;
  bool thirds = false;
  double excluded = 0;  // KB/s.
};

std::size_t number(const std::vector<FalseAlarms>& all, bool FalseAlarms::*alarm) {
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [=](const FalseAlarms& run) { return run.*alarm; }));
}

struct Study {
  std::size_t runs;
  double heap_noise;    // KB.
  std::string of_null;  // Part of the names of those that are looked at.
  bool missed = false;
  std::size_t accused = 0;  // Of all clean series.
  std::size_t judged = 0;

  bool left_out(const Null& null) const { return null.name.find(of_null) == std::string::npos; }

  double amount(Kind kind) const { return kind == Kind::kRss ? kRssNoise : heap_noise; }

  void false_alarms(const std::vector<Null>& nulls, const char* title) {
    std::printf("\n## Clean runs accused, of %zu: %s\n\n", runs, title);
    std::printf(
        "| shape | RSS, 1 h | inconclusive | RSS, 24 h (of %zu) | heap, 1 h | smallest leak excluded, RSS, 1 h | "
        "Mann-Kendall | least squares | last third |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        (runs + 9) / 10);
    for (const Null& null : nulls) {
      if (left_out(null)) {
        continue;
      }
      const std::vector<FalseAlarms> all = of_all(runs, [&](std::size_t run) {
        FalseAlarms alarms;
        Random random(run);
        const std::vector<double> values = null.make(random, kHour, amount(Kind::kRss));
        const Trend trend = judge(Kind::kRss, values, 0, values.size());
        alarms.rss = trend.state == GrowthState::kCertain;
        alarms.likely = trend.state == GrowthState::kLikely;
        alarms.excluded = trend.excluded / 1024;
        alarms.kendall = mann_kendall_alarm(values);
        alarms.squares = least_squares_alarm(values);
        alarms.thirds = thirds_alarm(values);
        alarms.heap = state_at_end(Kind::kHeap, null.make(random, kHour, amount(Kind::kHeap))) == GrowthState::kCertain;
        alarms.day = run % 10 == 0 && state_at_end(Kind::kRss, null.make(random, 24 * kHour, amount(Kind::kRss))) ==
                                          GrowthState::kCertain;
        return alarms;
      });
      const std::size_t rss = number(all, &FalseAlarms::rss);
      const std::size_t day = number(all, &FalseAlarms::day);
      const std::size_t heap = number(all, &FalseAlarms::heap);
      std::vector<double> excluded;
      for (const FalseAlarms& run : all) {
        excluded.push_back(run.excluded);
      }
      std::printf("| %s | %zu | %zu | %zu | %zu | %.2f KB/s | %zu | %zu | %zu |\n", null.name.c_str(), rss,
                  number(all, &FalseAlarms::likely), day, heap, quantile(excluded, 0.5),
                  number(all, &FalseAlarms::kendall), number(all, &FalseAlarms::squares),
                  number(all, &FalseAlarms::thirds));
      std::fflush(stdout);
      accused += rss + heap + day;
      judged += 2 * runs + (runs + 9) / 10;
    }
  }

  void false_alarms(const std::vector<Trace>& traces) {
    std::printf(
        "\n## Clean runs accused, of %zu: recorded runs, resampled by the minute, an hour\n\n"
        "| trace | as recorded | RSS | heap |\n| --- | --- | --- | --- |\n",
        runs);
    for (const Trace& trace : traces) {
      const bool recorded_accused = state_at_end(Kind::kRss, trace.rss) == GrowthState::kCertain ||
                                    state_at_end(Kind::kHeap, trace.heap) == GrowthState::kCertain;
      const std::vector<FalseAlarms> all = of_all(runs, [&](std::size_t run) {
        FalseAlarms alarms;
        Random random(run);
        alarms.rss = state_at_end(Kind::kRss, hour_of(trace.rss, random)) == GrowthState::kCertain;
        alarms.heap = state_at_end(Kind::kHeap, hour_of(trace.heap, random)) == GrowthState::kCertain;
        return alarms;
      });
      const std::size_t rss = number(all, &FalseAlarms::rss);
      const std::size_t heap = number(all, &FalseAlarms::heap);
      std::printf("| %s, %zu points | %s | %zu | %zu |\n", trace.name.c_str(), trace.rss.size(),
                  recorded_accused ? "a LEAK" : "no leak", rss, heap);
      std::fflush(stdout);
      missed |= recorded_accused;
      accused += rss + heap;
      judged += 2 * runs;
    }
  }

  // `bar_minutes` of the median; 0 without one.
  void detection(Kind kind, double leak, std::size_t seconds, double bar_minutes) {
    const std::size_t timed = std::max<std::size_t>(runs / 10, 1);  // Each is looked at again and again.
    std::printf("\n## %s, a leak of %g KB/s: minutes until the verdict stays, in %zu runs",
                kind == Kind::kRss ? "RSS" : "Heap", leak, timed);
    if (bar_minutes > 0) {
      std::printf("; target for the median: %g", bar_minutes);
    }
    std::printf("\n\n| shape | median | 95th percentile |\n| --- | --- | --- |\n");
    for (const Null& null : known_nulls()) {
      if (left_out(null)) {
        continue;
      }
      const std::vector<double> times = of_all(timed, [&](std::size_t run) {
        Random random(run + 1'000'000);
        return certain_from(kind, null.make(random, seconds, amount(kind)), leak);
      });
      const double median = quantile(times, 0.5);
      const bool late = bar_minutes > 0 && !null.outgrows_leaks && median > bar_minutes * 60;
      std::printf("| %s | %s%s | %s |\n", null.name.c_str(), minutes(median).c_str(), late ? " (MISSED)" : "",
                  minutes(quantile(times, 0.95)).c_str());
      std::fflush(stdout);
      missed |= late;
    }
  }
};

}  // namespace
}  // namespace soak::bench

int main(int argc, char** argv) {
  using namespace soak::bench;
  const long long runs = argc > 2 ? std::atoll(argv[2]) : 200;
  if (argc < 2 || argc > 4 || runs < 1) {
    std::fprintf(stderr, "usage: detector_study TRACES [RUNS [SHAPE]]\n");
    return 2;
  }
  const std::vector<Trace> traces = read_traces(argv[1]);
  double heap_noise = 0;
  for (const Trace& trace : traces) {
    heap_noise = std::max(heap_noise, noise_of(trace.heap));
  }
  Study study{static_cast<std::size_t>(runs), heap_noise, argc > 3 ? argv[3] : ""};
  std::printf(
      "The traces have %.3f KB of noise on the heap at quiescent points; shapes on the heap are scaled to it.\n",
      study.heap_noise);
  study.false_alarms(traces);
  study.false_alarms(known_nulls(), "shapes used to develop the detector");
  study.false_alarms(once_held_out_nulls(), "shapes held out at first, each used by a later change");
  study.false_alarms(held_out_nulls(), "shapes still held out");
  study.detection(Kind::kRss, 50, 2 * kHour, 15);
  study.detection(Kind::kRss, 10, 2 * kHour, 20);
  study.detection(Kind::kRss, 1, 4 * kHour, 90);
  study.detection(Kind::kHeap, 10, kHour, 2);
  study.detection(Kind::kHeap, 1, kHour, 5);
  std::printf("\nOf %zu clean series %zu were accused.\n", study.judged, study.accused);
  study.missed |= study.accused * 100 > study.judged;
  std::printf("\n%s\n", study.missed ? "A limit or target is MISSED." : "Every limit and target is met.");
  return study.missed ? 1 : 0;
}

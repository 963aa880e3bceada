// SPDX-License-Identifier: Apache-2.0
// How often the detector in the tree accuses the innocent, over all looks of a whole run, and how soon it sees a leak.
//
//   detector_study TRACE.csv [RUNS]     1,000 runs a cell unless told otherwise; a fifth of them where leaks are timed
//
// TRACE.csv is recorded from a clean soak: time_s,rss_bytes,heap_bytes, a line for each quiescent point. Its own noise
// is the noise of the heap here, and the detector must not accuse it either. Beside it are the false alarms of two
// rules in use, looked at once, at the end: least squares and the test of Mann and Kendall, each at p < 1%. Exit status
// 1 when a bar is missed.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "generators.h"
#include "soak/probe/series.h"
#include "soak/probe/trends.h"

namespace soak::bench {
namespace {

using probe::Measurements;
using probe::Series;
using probe::Track;
using probe::Trend;
using probe::Unit;

constexpr std::size_t kHour = 3600;
constexpr double kRssNoise = 200;  // KB.
constexpr double kNever = 1e9;

enum class Kind { kRss, kHeap };

// As a probe keeps it: RSS over time, or heap at quiescent points that are a reconnect and a second apart.
Trend judge(Kind kind, const std::vector<double>& kilobytes, double leak_per_second) {
  Track track;
  track.name = kind == Kind::kRss ? "rss" : "heap";
  track.unit = Unit::kBytes;
  for (std::size_t i = 0; i < kilobytes.size(); ++i) {
    const double value = 1024 * (64 * 1024 + kilobytes[i] + leak_per_second * static_cast<double>(i));
    const probe::Point point{std::chrono::seconds(i), i, static_cast<std::int64_t>(value)};
    (kind == Kind::kRss ? track.timeline : track.at_rest).add(point);
  }
  return kind == Kind::kRss ? probe::slope_of(track, false)
                            : probe::residue_of(track, Measurements{}, "reconnect", false);
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

// Two-sided p below 1% that the series rises, by the ordinary formulas for independent noise.
bool least_squares_alarm(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double sy = 0;
  double sxy = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sy += values[i];
    sxy += (static_cast<double>(i) - (n - 1) / 2) * values[i];
  }
  const double sxx = n * (n * n - 1) / 12;
  const double slope = sxy / sxx;
  double squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double left = values[i] - sy / n - slope * (static_cast<double>(i) - (n - 1) / 2);
    squares += left * left;
  }
  return slope > 2.576 * std::sqrt(squares / (n - 2) / sxx);
}

bool mann_kendall_alarm(const std::vector<double>& values) {
  std::vector<double> thinned;  // Every sixth, or the pairs are too many.
  for (std::size_t i = 0; i < values.size(); i += 6) thinned.push_back(values[i]);
  double score = 0;
  for (std::size_t i = 0; i < thinned.size(); ++i) {
    for (std::size_t k = i + 1; k < thinned.size(); ++k) score += thinned[k] > thinned[i] ? 1 : -1;
  }
  const auto n = static_cast<double>(thinned.size());
  return score > 2.576 * std::sqrt(n * (n - 1) * (2 * n + 5) / 18);
}

struct Study {
  std::size_t runs;
  double heap_noise;  // KB.
  bool missed = false;

  double amount(Kind kind) const { return kind == Kind::kRss ? kRssNoise : heap_noise; }

  void false_alarms(const std::vector<Null>& nulls, const char* title) {
    std::printf("\n### False alarms over all looks of a run, of %zu; %s\n\n", runs, title);
    std::printf(
        "| null | RSS, 1 h | RSS, 24 h (of %zu) | heap, 1 h | smallest leak excluded, RSS, 1 h | least squares | "
        "Mann-Kendall |\n| --- | --- | --- | --- | --- | --- | --- |\n",
        runs / 10);
    for (const Null& null : nulls) {
      std::size_t rss = 0;
      std::size_t day = 0;
      std::size_t heap = 0;
      std::size_t squares = 0;
      std::size_t kendall = 0;
      std::vector<double> excluded;
      for (std::size_t run = 0; run < runs; ++run) {
        Random random(run);
        const std::vector<double> values = null.make(random, kHour, amount(Kind::kRss));
        const Trend trend = judge(Kind::kRss, values, 0);
        rss += trend.leak ? 1U : 0U;
        excluded.push_back(trend.excluded / 1024);
        squares += least_squares_alarm(values) ? 1U : 0U;
        kendall += mann_kendall_alarm(values) ? 1U : 0U;
        heap += judge(Kind::kHeap, null.make(random, kHour, amount(Kind::kHeap)), 0).leak ? 1U : 0U;
        if (run % 10 == 0) {
          day += judge(Kind::kRss, null.make(random, 24 * kHour, amount(Kind::kRss)), 0).leak ? 1U : 0U;
        }
      }
      std::printf("| %s | %zu | %zu | %zu | %.2f KB/s | %zu | %zu |\n", null.name.c_str(), rss, day, heap,
                  quantile(excluded, 0.5), squares, kendall);
      std::fflush(stdout);
      missed |= rss * 100 > runs || day * 10 > runs / 10 || heap * 100 > runs;
    }
  }

  // `bar_minutes` of the median; 0 without one.
  void detection(Kind kind, double leak, std::size_t seconds, double bar_minutes) {
    const std::size_t timed = std::max<std::size_t>(runs / 5, 1);
    std::printf("\n### %s, a leak of %g KB/s: minutes until it is certain, of %zu runs",
                kind == Kind::kRss ? "RSS" : "Heap", leak, timed);
    if (bar_minutes > 0) std::printf("; the median is to be at most %g", bar_minutes);
    std::printf("\n\n| null | median | 95th percentile |\n| --- | --- | --- |\n");
    for (const Null& null : known_nulls()) {
      std::vector<double> times;
      for (std::size_t run = 0; run < timed; ++run) {
        Random random(run + 1'000'000);
        const Trend trend = judge(kind, null.make(random, seconds, amount(kind)), leak);
        times.push_back(trend.certain_at ? std::chrono::duration<double>(*trend.certain_at).count() : kNever);
      }
      const double median = quantile(times, 0.5);
      const bool late = bar_minutes > 0 && !null.outgrows_leaks && median > bar_minutes * 60;
      std::printf("| %s | %s%s | %s |\n", null.name.c_str(), minutes(median).c_str(), late ? " (MISSED)" : "",
                  minutes(quantile(times, 0.95)).c_str());
      std::fflush(stdout);
      missed |= late;
    }
  }
};

struct Trace {
  std::vector<double> rss;  // KB.
  std::vector<double> heap;
};

Trace read_trace(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line) || line != "time_s,rss_bytes,heap_bytes") {
    std::fprintf(stderr, "%s: the first line is to be time_s,rss_bytes,heap_bytes\n", path.c_str());
    std::exit(2);
  }
  Trace trace;
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

// Standard deviation of what is left of a line through the second half, where warm-up is over.
double noise_of(const std::vector<double>& values) {
  const std::vector<double> half(values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
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

}  // namespace
}  // namespace soak::bench

int main(int argc, char** argv) {
  using namespace soak::bench;
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: detector_study TRACE.csv [RUNS]\n");
    return 2;
  }
  const Trace trace = read_trace(argv[1]);
  Study study{argc > 2 ? static_cast<std::size_t>(std::atoll(argv[2])) : 1000, noise_of(trace.heap)};
  std::printf(
      "Heap at quiescent points has %.3f KB of noise in the trace; shapes on the heap keep their size against it.\n",
      study.heap_noise);
  const bool trace_is_clean = !judge(Kind::kRss, trace.rss, 0).leak && !judge(Kind::kHeap, trace.heap, 0).leak;
  std::printf("The trace itself, %zu s: %s.\n", trace.rss.size(), trace_is_clean ? "no leak" : "accused of a LEAK");
  study.missed |= !trace_is_clean;
  study.false_alarms(known_nulls(), "shapes that the detector was made with");
  study.false_alarms(held_out_nulls(), "shapes that it was not made with");
  study.detection(Kind::kRss, 50, 2 * kHour, 15);
  study.detection(Kind::kRss, 10, 2 * kHour, 20);
  study.detection(Kind::kRss, 1, 4 * kHour, 90);
  study.detection(Kind::kRss, 0.13, 24 * kHour, 0);
  study.detection(Kind::kHeap, 50, kHour, 0);
  study.detection(Kind::kHeap, 10, kHour, 2);
  study.detection(Kind::kHeap, 1, kHour, 5);
  study.detection(Kind::kHeap, 0.13, 2 * kHour, 0);
  std::printf("\n%s\n", study.missed ? "A bar is MISSED." : "Every bar is kept.");
  return study.missed ? 1 : 0;
}

// SPDX-License-Identifier: Apache-2.0
// Measures how often the verdict is wrong on random series, which are simulated and not of the method's own forms.
//
//   detector_calibration [SERIES [FIRST]]   10,000 series by default, from the number FIRST on
//
// Prints the tables of bench/detector-calibration.md. DETECTOR_LIST=1 lists every series that was judged wrongly, for
// whoever changes the method.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "all_cores.h"
#include "peers.h"
#include "random_series.h"
#include "soak/growth/growth.h"

namespace soak::bench {
namespace {

using probe::Growth;
using probe::GrowthState;

// As a run judges its RSS.
constexpr probe::GrowthOptions kRss = {.slow_scale = 600, .noise_floor = 64, .certain_from = 600};

struct Judged {
  RandomSeries series;  // Without its points.
  Growth growth;
  double excluded = 0;  // For the onset of the leak, bytes per second.
  bool peers[4] = {};

  bool leaks() const { return series.leak.has_value(); }
  bool certain() const { return growth.state == GrowthState::kCertain; }
  bool passed() const { return growth.state == GrowthState::kAtRest; }
  bool above_exclusion() const { return leaks() && series.leak->bytes_per_second > excluded; }
  // The interval is that of growth at the end.
  bool interval_misses() const {
    const double truth = leaks() ? series.leak->bytes_per_second : 0;
    return !passed() && (growth.low > truth || growth.high < truth);
  }
};

Judged judge(std::size_t number) {
  Judged judged{random_series(number), {}, 0, {}};
  const std::vector<probe::Observation>& points = judged.series.points;
  judged.growth = *probe::find_growth(probe::Segment(points), kRss);
  if (judged.leaks()) {
    // Of the onsets that are named, the first that is no earlier.
    judged.excluded = INFINITY;
    for (const probe::ExcludedRate& one : judged.growth.excluded) {
      if (one.onset >= judged.series.leak->onset_s) {
        judged.excluded = one.rate;
        break;
      }
    }
  }
  std::vector<double> values;
  for (const probe::Observation& point : points) {
    values.push_back(point.value);
  }
  judged.peers[0] = mann_kendall_alarm(values);
  judged.peers[1] = least_squares_alarm(values);
  judged.peers[2] = thirds_alarm(values);
  judged.peers[3] = fixed_budget_alarm(values);
  judged.series.points.clear();
  judged.series.points.shrink_to_fit();
  return judged;
}

// "3 of 971: 0.31%, 0.11 to 0.90" with Wilson's 95% interval.
std::string rate(std::size_t part, std::size_t whole) {
  if (whole == 0) {
    return "0 of 0";
  }
  const auto n = static_cast<double>(whole);
  const double p = static_cast<double>(part) / n;
  constexpr double kZ = 1.96;
  const double middle = (p + kZ * kZ / (2 * n)) / (1 + kZ * kZ / n);
  const double half = kZ / (1 + kZ * kZ / n) * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n));
  char text[100];
  std::snprintf(text, sizeof text, "%zu of %zu: %.2f%%, %.2f to %.2f", part, whole, 100 * p,
                100 * std::max(middle - half, 0.0), 100 * (middle + half));
  return text;
}

using Condition = std::function<bool(const Judged&)>;

std::string rate(const std::vector<Judged>& all, const Condition& of, const Condition& part) {
  std::size_t parts = 0;
  std::size_t whole = 0;
  for (const Judged& one : all) {
    whole += of(one) ? 1u : 0u;
    parts += of(one) && part(one) ? 1u : 0u;
  }
  return rate(parts, whole);
}

bool clean(const Judged& one) { return !one.leaks(); }
bool leaks(const Judged& one) { return one.leaks(); }
bool certain(const Judged& one) { return one.certain(); }
bool passed_above_exclusion(const Judged& one) { return one.passed() && one.above_exclusion(); }
bool likely(const Judged& one) { return one.growth.state == GrowthState::kLikely; }

void print_rates(const std::vector<Judged>& all) {
  std::printf("| rate | of | with its 95%% interval |\n| --- | --- | --- |\n");
  std::printf("| accused | clean series | %s |\n", rate(all, clean, certain).c_str());
  std::printf("| inconclusive | clean series | %s |\n", rate(all, clean, likely).c_str());
  std::printf("| above the exclusion stated for their onset, and passed | leaks | %s |\n",
              rate(all, leaks, passed_above_exclusion).c_str());
  std::printf("| above the exclusion stated for their onset, and not certain | leaks | %s |\n",
              rate(all, leaks, [](const Judged& one) { return !one.certain() && one.above_exclusion(); }).c_str());
  std::printf("| the interval misses the truth | all series | %s |\n",
              rate(
                  all, [](const Judged&) { return true; }, [](const Judged& one) { return one.interval_misses(); })
                  .c_str());
  std::printf("| found | leaks | %s |\n", rate(all, leaks, certain).c_str());
  std::printf("| inconclusive | leaks | %s |\n", rate(all, leaks, likely).c_str());
  const Condition large = [](const Judged& one) {
    return one.leaks() && one.series.seconds >= 7200 && one.series.leak->bytes_per_second > 10 * 1024 &&
           one.series.seconds - one.series.leak->onset_s > 3600;
  };
  std::vector<double> widths;
  for (const Judged& one : all) {
    if (one.leaks() && one.certain()) {
      widths.push_back((one.growth.high - one.growth.low) / one.growth.slope);
    }
  }
  std::sort(widths.begin(), widths.end());
  for (const double share : {0.5, 0.9}) {
    if (!widths.empty()) {
      std::printf("| width of the interval over the slope, %.0fth percentile | leaks found | %.3f |\n", 100 * share,
                  widths[static_cast<std::size_t>(share * static_cast<double>(widths.size() - 1))]);
    }
  }
  std::printf("| missed | leaks above 10 KB/s that lasted the last hour of two or more | %s |\n",
              rate(all, large, [](const Judged& one) { return !one.certain(); }).c_str());
}

void print_groups(const std::vector<Judged>& all, const char* title, std::string RandomSeries::*group) {
  std::printf(
      "\n| %s | clean ones accused | leaks found | leaks above their exclusion, passed |\n"
      "| --- | --- | --- | --- |\n",
      title);
  std::map<std::string, std::vector<Judged>> groups;
  for (const Judged& one : all) {
    groups[one.series.*group].push_back(one);
  }
  for (const auto& [name, ones] : groups) {
    std::printf("| %s | %s | %s | %s |\n", name.c_str(), rate(ones, clean, certain).c_str(),
                rate(ones, leaks, certain).c_str(), rate(ones, leaks, passed_above_exclusion).c_str());
  }
}

void print_peers(const std::vector<Judged>& all) {
  std::printf("\n| judged by | clean ones accused | leaks found |\n| --- | --- | --- |\n");
  std::printf("| soak | %s | %s |\n", rate(all, clean, certain).c_str(), rate(all, leaks, certain).c_str());
  const char* const names[] = {"Mann-Kendall at 1%", "least squares, R2 > 0.8", "last third against first", "+50 MB"};
  for (int i = 0; i < 4; ++i) {
    const Condition alarm = [i](const Judged& one) { return one.peers[i]; };
    std::printf("| %s | %s | %s |\n", names[i], rate(all, clean, alarm).c_str(), rate(all, leaks, alarm).c_str());
  }
}

void list_wrong(const std::vector<Judged>& all, std::size_t first) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Judged& one = all[i];
    const char* wrong = clean(one) && one.certain()   ? "accused"
                        : passed_above_exclusion(one) ? "false exclusion"
                        : one.interval_misses()       ? "interval"
                                                      : nullptr;
    if (wrong != nullptr) {
      std::printf(
          "%s: %zu, %s, %s, %.0f s every %g s, leak %.0f B/s from %.2f; %s, slope %.0f (%.0f to %.0f), "
          "since %.2f (%.2f to %.2f), excluded %.0f\n",
          wrong, first + i, one.series.shape.c_str(), one.series.noise.c_str(), one.series.seconds,
          one.series.sampled_every_s, one.leaks() ? one.series.leak->bytes_per_second : 0,
          one.leaks() ? one.series.leak->onset_s / one.series.seconds : 0, to_string(one.growth.state),
          one.growth.slope, one.growth.low, one.growth.high, one.growth.since / one.series.seconds,
          one.growth.since_earliest / one.series.seconds, one.growth.since_latest / one.series.seconds, one.excluded);
    }
  }
}

}  // namespace
}  // namespace soak::bench

int main(int argc, char** argv) {
  using namespace soak::bench;
  const long long count = argc > 1 ? std::atoll(argv[1]) : 10'000;
  const long long first = argc > 2 ? std::atoll(argv[2]) : 0;
  if (argc > 3 || count < 1 || first < 0) {
    std::fprintf(stderr, "usage: detector_calibration [SERIES [FIRST]]\n");
    return 2;
  }
  const auto from = static_cast<std::size_t>(first);
  const std::vector<Judged> all =
      of_all(static_cast<std::size_t>(count), [from](std::size_t i) { return judge(from + i); });
  std::printf("%lld random series, from number %lld on\n\n", count, first);
  print_rates(all);
  print_groups(all, "shape", &RandomSeries::shape);
  print_groups(all, "noise", &RandomSeries::noise);
  print_peers(all);
  if (std::getenv("DETECTOR_LIST") != nullptr) {
    list_wrong(all, from);
  }
  return 0;
}

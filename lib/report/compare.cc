// SPDX-License-Identifier: Apache-2.0
#include "soak/report/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include "lib/text/format.h"
#include "soak/detail/enum_names.h"
#include "soak/detail/printable.h"
#include "soak/report/growth_text.h"
#include "soak/report/summary.h"

namespace soak::report {
namespace {

constexpr detail::EnumNames<Change> kChangeNames({{Change::kSame, "same"},
                                                  {Change::kBetter, "better"},
                                                  {Change::kWorse, "worse"},
                                                  {Change::kHigher, "higher"},
                                                  {Change::kLower, "lower"},
                                                  {Change::kUnknown, "unknown"},
                                                  {Change::kOnlyOld, "only old"},
                                                  {Change::kOnlyNew, "only new"}});

using probe::Point;
using probe::Track;
using probe::Trend;
using probe::Unit;

constexpr double kZ99 = 2.5758;     // Of the normal distribution, two-sided.
constexpr double kRunToRun = 0.05;  // Of a level: what one run of a program differs by from the next.
constexpr std::size_t kFewest = 3;  // Values that a level is the median of.

struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;
};

// Method of variance estimates recovery: the interval of a difference out of the intervals of the two.
Estimate difference(const Estimate& before, const Estimate& after) {
  const double value = after.value - before.value;
  return {value, value - std::hypot(after.value - after.low, before.high - before.value),
          value + std::hypot(after.high - after.value, before.value - before.low)};
}

// Where more is worse.
Change judged(const Estimate& by) {
  return by.low > 0 ? Change::kWorse : by.high < 0 ? Change::kBetter : Change::kSame;
}

Change turned(Change change) {
  return change == Change::kWorse ? Change::kBetter : change == Change::kBetter ? Change::kWorse : change;
}

template <typename Text>
std::string change_text(const Estimate& before, const Estimate& after, const Estimate& by, Text text) {
  return fmt::format("{} -> {}: {}, 99% CI {} to {}", text(before.value), text(after.value), text(by.value),
                     text(by.low), text(by.high));
}

std::string subject_of(const Trend& trend) { return trend.series + " " + per_text(trend); }

template <typename T, typename Same>
const T* find(const std::vector<T>& all, Same same) {
  const auto found = std::find_if(all.begin(), all.end(), same);
  return found == all.end() ? nullptr : &*found;
}

Comparison::Row compare_trend(const Trend& before, const Trend& after) {
  Comparison::Row row{subject_of(after), Change::kUnknown, {}};
  for (const auto& [which, trend] : {std::pair{"old", &before}, std::pair{"new", &after}}) {
    if (!trend->not_judged.empty()) {
      row.text += fmt::format("{}{} run: not judged: {}", row.text.empty() ? "" : "; ", which, trend->not_judged);
    } else if (!std::isfinite(trend->low) || !std::isfinite(trend->high)) {
      row.text += fmt::format("{}{} run: its growth may be anything", row.text.empty() ? "" : "; ", which);
    }
  }
  if (!row.text.empty()) {
    return row;
  }
  const Estimate then{before.growth, before.low, before.high};
  const Estimate now{after.growth, after.low, after.high};
  const Estimate by = difference(then, now);
  row.change = judged(by);
  row.text = change_text(then, now, by, [&after](double value) { return probe::amount_text(value, after.unit); });
  return row;
}

// A report that says nothing of trends, as those of version 1, is judged again.
std::vector<Trend> trends_of(const Record& record) {
  if (!record.verdict.trends.empty()) {
    return record.verdict.trends;
  }
  constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();
  probe::JudgeWords words;
  words.cycle = record.cycle_noun;
  words.virtual_clock = record.virtual_clock;
  words.budgets_only = record.mode == "smoke";
  return probe::judge(record.measured, {kAny, kAny}, words).trends;
}

void compare_trends(const std::vector<Trend>& before, const std::vector<Trend>& after, Comparison& comparison) {
  const auto pair_of = [](const std::vector<Trend>& trends, const Trend& trend) {
    return find(trends,
                [&trend](const Trend& other) { return other.series == trend.series && other.per == trend.per; });
  };
  for (const Trend& trend : after) {
    if (const Trend* then = pair_of(before, trend)) {
      comparison.rows.push_back(compare_trend(*then, trend));
    } else {
      comparison.rows.push_back({subject_of(trend), Change::kOnlyNew, trend_text(trend)});
    }
  }
  for (const Trend& trend : before) {
    if (pair_of(after, trend) == nullptr) {
      comparison.rows.push_back({subject_of(trend), Change::kOnlyOld, trend_text(trend)});
    }
  }
}

// What a count stood at in the end, above where it began. Exact: there is no interval.
void compare_left_behind(const Track& before, const Track& after, Comparison& comparison) {
  if (before.at_rest.added() < 2 || after.at_rest.added() < 2) {
    return;
  }
  const auto left = [](const Track& track) { return track.at_rest.last()->value - track.at_rest.first()->value; };
  const std::int64_t by = left(after) - left(before);
  comparison.rows.push_back({after.name + " left behind",
                             by > 0   ? Change::kWorse
                             : by < 0 ? Change::kBetter
                                      : Change::kSame,
                             fmt::format("{:+} -> {:+}", left(before), left(after))});
}

// The last third of what was seen: at rest, where there is enough of that.
std::optional<Estimate> level_of(const Track& track) {
  std::vector<Point> points = track.at_rest.points();
  if (points.size() < kFewest) {
    points = track.timeline.points();
  }
  const std::size_t count = (points.size() + 2) / 3;
  if (points.size() < kFewest) {
    return std::nullopt;
  }
  std::vector<double> values;
  for (std::size_t i = points.size() - count; i < points.size(); ++i) {
    values.push_back(static_cast<double>(points[i].value));
  }
  std::sort(values.begin(), values.end());
  const auto at = [&values](double quantile) {
    return values[static_cast<std::size_t>(std::lround(quantile * static_cast<double>(values.size() - 1)))];
  };
  return Estimate{at(0.5), at(0.005), at(0.995)};
}

void compare_levels(const Track& before, const Track& after, Comparison& comparison) {
  const std::string subject = after.name + " at the end";
  const std::optional<Estimate> then = level_of(before);
  const std::optional<Estimate> now = level_of(after);
  if (!then || !now) {
    comparison.rows.push_back({subject, Change::kUnknown, fmt::format("fewer than {} values", kFewest)});
    return;
  }
  Estimate by = difference(*then, *now);
  const double run_to_run = kRunToRun * then->value;
  by.low = by.value - std::hypot(by.value - by.low, run_to_run);
  by.high = by.value + std::hypot(by.high - by.value, run_to_run);
  Comparison::Row row{subject, judged(by), {}};
  row.text = fmt::format("{} -> {}: {}, 99% CI {} to {}", text::format_bytes(std::llround(then->value)),
                         text::format_bytes(std::llround(now->value)), probe::amount_text(by.value, Unit::kBytes),
                         probe::amount_text(by.low, Unit::kBytes), probe::amount_text(by.high, Unit::kBytes));
  comparison.rows.push_back(std::move(row));
}

void compare_track(const Track* before, const Track& after, Comparison& comparison) {
  if (before == nullptr) {
    comparison.rows.push_back({after.name, Change::kOnlyNew, "only the new run has this series"});
  } else if (!after.unavailable.empty()) {
    comparison.rows.push_back({after.name, Change::kUnknown, "new run: " + after.unavailable});
  } else if (!before->unavailable.empty()) {
    comparison.rows.push_back({after.name, Change::kUnknown, "old run: " + before->unavailable});
  } else if (!after.part_of.empty()) {
    return;  // It explains another series.
  } else if (after.unit == Unit::kBytes) {
    compare_levels(*before, after, comparison);
  } else {
    compare_left_behind(*before, after, comparison);
  }
}

// Wilson's interval of a share.
Estimate share_of(std::uint64_t part, std::uint64_t whole) {
  const double n = static_cast<double>(whole);
  const double p = std::min(static_cast<double>(part) / n, 1.0);
  const double z2 = kZ99 * kZ99;
  const double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = kZ99 / (1 + z2 / n) * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return {p, std::max(middle - half, 0.0), std::min(middle + half, 1.0)};
}

std::string percent(double share) { return fmt::format("{:.3f}%", share * 100); }

void compare_share(const std::string& subject, const Estimate& before, const Estimate& after, bool more_is_worse,
                   Comparison& comparison) {
  const Estimate by = difference(before, after);
  comparison.rows.push_back(
      {subject, more_is_worse ? judged(by) : turned(judged(by)), change_text(before, after, by, percent)});
}

void compare_cycles(const Record& before, const Record& after, Comparison& comparison) {
  const auto tried = [](const Record& record) { return record.cycles + record.failed_cycles; };
  if (tried(before) > 0 && tried(after) > 0) {
    compare_share(fmt::format("failed {}s", after.cycle_noun), share_of(before.failed_cycles, tried(before)),
                  share_of(after.failed_cycles, tried(after)), true, comparison);
  }
  const auto sum = [](const std::array<std::uint64_t, 3>& thirds) {
    return std::accumulate(thirds.begin(), thirds.end(), std::uint64_t{0});
  };
  for (const Traffic& stream : after.traffic) {
    const Traffic* then =
        find(before.traffic, [&stream](const Traffic& other) { return other.counter == stream.counter; });
    if (then != nullptr && sum(then->due) > 0 && sum(stream.due) > 0) {
      compare_share(stream.counter + " of those due", share_of(sum(then->met), sum(then->due)),
                    share_of(sum(stream.met), sum(stream.due)), false, comparison);
    }
  }
}

// A rate of independent events; of events on a schedule the interval is wider than it need be.
Estimate rate_of(std::uint64_t count, std::chrono::nanoseconds time) {
  const double seconds = text::seconds(time);
  const double n = static_cast<double>(count);
  const double half = kZ99 * std::sqrt(n + 1);
  return {n / seconds, std::max(n - half, 0.0) / seconds, (n + half) / seconds};
}

void compare_counters(const Record& before, const Record& after, Comparison& comparison) {
  if (before.elapsed <= std::chrono::nanoseconds{0} || after.elapsed <= std::chrono::nanoseconds{0}) {
    return;
  }
  const auto named = [](const Record& record, const std::string& name) {
    return find(record.counters, [&name](const Counter& other) { return other.name == name; });
  };
  for (const Counter& counter : after.counters) {
    const std::string subject = counter.name + " per second";
    const Counter* then = named(before, counter.name);
    if (then == nullptr) {
      comparison.rows.push_back({subject, Change::kOnlyNew, fmt::format("{} of them", counter.value)});
      continue;
    }
    const Estimate was = rate_of(then->value, before.elapsed);
    const Estimate is = rate_of(counter.value, after.elapsed);
    const Estimate by = difference(was, is);
    comparison.rows.push_back({subject,
                               by.low > 0    ? Change::kHigher
                               : by.high < 0 ? Change::kLower
                                             : Change::kSame,
                               change_text(was, is, by, [](double value) { return fmt::format("{:.4g}", value); })});
  }
  for (const Counter& counter : before.counters) {
    if (named(after, counter.name) == nullptr) {
      comparison.rows.push_back(
          {counter.name + " per second", Change::kOnlyOld, fmt::format("{} of them", counter.value)});
    }
  }
}

void compare_findings(const Record& before, const Record& after, Comparison& comparison) {
  for (const probe::Finding& finding : after.verdict.findings) {
    if (before.verdict.find(finding.subject) == nullptr) {
      comparison.rows.push_back({"verdict on " + finding.subject, Change::kWorse, finding.text});
    }
  }
  for (const probe::Finding& finding : before.verdict.findings) {
    if (after.verdict.find(finding.subject) == nullptr) {
      comparison.rows.push_back({"verdict on " + finding.subject, Change::kBetter, "was: " + finding.text});
    }
  }
}

void note_differences(const Record& before, const Record& after, Comparison& comparison) {
  const auto note = [&comparison](const std::string& what, const std::string& then, const std::string& now) {
    if (then != now) {
      comparison.notes.push_back(fmt::format("{}: {} -> {}", what, then, now));
    }
  };
  note("outcome", outcome(before), outcome(after));
  const auto how = [](const Record& record) {
    return record.killed        ? "killed"
           : record.interrupted ? "interrupted"
           : record.ended_early ? "ended early"
                                : "its time";
  };
  note("ended by", how(before), how(after));
  note("lasted", text::format_seconds(before.elapsed), text::format_seconds(after.elapsed));
  constexpr std::array<std::string_view, 6> kOfNoMatter = {"seed",       "report_dir",    "metrics_port",
                                                           "checkpoint", "part_duration", "service_time_max"};
  for (const Setting& setting : after.settings) {
    const Setting* then =
        find(before.settings, [&setting](const Setting& other) { return other.name == setting.name; });
    if (then != nullptr && std::find(kOfNoMatter.begin(), kOfNoMatter.end(), setting.name) == kOfNoMatter.end()) {
      note(setting.name, then->value, setting.value);
    }
  }
}

// The worst first; what is said but decides nothing last.
int rank(Change change) {
  switch (change) {
    case Change::kWorse:
      return 0;
    case Change::kBetter:
      return 1;
    case Change::kSame:
      return 2;
    case Change::kHigher:
    case Change::kLower:
      return 3;
    case Change::kUnknown:
    case Change::kOnlyOld:
    case Change::kOnlyNew:
      break;
  }
  return 4;
}

}  // namespace

std::string_view to_string(Change change) { return kChangeNames[change]; }

Change Comparison::overall() const {
  Change overall = Change::kUnknown;
  for (const Row& row : rows) {
    const bool decides = row.change == Change::kSame || row.change == Change::kBetter || row.change == Change::kWorse;
    if (decides && rank(row.change) < rank(overall)) {
      overall = row.change;
    }
  }
  return overall;
}

Comparison compare(const Record& before, const Record& after) {
  const auto must_agree = [](const char* what, const std::string& then, const std::string& now) {
    if (then != now) {
      throw NotComparable(
          fmt::format("the {} is {} in the old run and {} in the new one; both must be the same", what, then, now));
    }
  };
  must_agree("test", before.name, after.name);
  must_agree("mode", before.mode, after.mode);
  must_agree("clock", before.virtual_clock ? "virtual" : "real", after.virtual_clock ? "virtual" : "real");
  Comparison comparison;
  compare_findings(before, after, comparison);
  compare_trends(trends_of(before), trends_of(after), comparison);
  for (const Track& track : after.measured.tracks) {
    compare_track(before.measured.find(track.name), track, comparison);
  }
  for (const Track& track : before.measured.tracks) {
    if (after.measured.find(track.name) == nullptr) {
      comparison.rows.push_back({track.name, Change::kOnlyOld, "only the old run has this series"});
    }
  }
  compare_cycles(before, after, comparison);
  compare_counters(before, after, comparison);
  note_differences(before, after, comparison);
  std::stable_sort(comparison.rows.begin(), comparison.rows.end(),
                   [](const auto& a, const auto& b) { return rank(a.change) < rank(b.change); });
  return comparison;
}

std::string comparison_text(const Comparison& comparison) {
  std::string shown;
  for (const Comparison::Row& row : comparison.rows) {
    shown += text::printable(fmt::format("  {:<8}  {:<24}  {}", to_string(row.change), row.subject, row.text)) + "\n";
  }
  for (const std::string& note : comparison.notes) {
    shown += "  note: " + text::printable(note) + "\n";
  }
  return shown;
}

}  // namespace soak::report

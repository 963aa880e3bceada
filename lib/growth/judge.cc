// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "lib/growth/bound.h"
#include "lib/growth/counts.h"
#include "lib/text/format.h"
#include "soak/growth/trends.h"
#include "soak/growth/verdict.h"

namespace soak::probe {
namespace {

using text::format_bytes;
using text::format_clock;
using text::format_duration;
using text::format_plural;

// A count that rose, and is a finding.
struct Rise {
  const Track* track = nullptr;
  Point baseline;
  Point last;
  Point since;              // Where it was first above its baseline.
  std::vector<bool> steps;  // Between kept points, those in which it rose.
  bool exact = false;       // It had to be back at its baseline.
};

// Orders counts that rise in step: causes before effects.
int rank(std::string_view name) {
  if (name == "sockets") {
    return 0;
  }
  if (name == "threads") {
    return 1;
  }
  return name == "fds" ? 3 : 2;  // Gauges, including tasks, are in between.
}

Rise rise_of(const Floor& floor, bool exact) {
  Rise rise{floor.track, floor.points.front(), floor.points.back(), floor.points.back(), {}, exact};
  for (std::size_t i = 1; i < floor.points.size(); ++i) {
    rise.steps.push_back(floor.points[i].value > floor.points[i - 1].value);
    if (floor.points[i].value > rise.baseline.value && rise.since.at > floor.points[i].at) {
      rise.since = floor.points[i];
    }
  }
  return rise;
}

// True if `effect` rises only where `cause` does, except in one step in ten.
bool rises_in_step(const Rise& cause, const Rise& effect) {
  std::size_t rises = 0;
  std::size_t alone = 0;
  for (std::size_t i = 0; i < effect.steps.size(); ++i) {
    rises += effect.steps[i] ? 1u : 0u;
    alone += effect.steps[i] && (i >= cause.steps.size() || !cause.steps[i]) ? 1u : 0u;
  }
  return alone * 10 <= rises;
}

std::string rose(const Rise& rise) {
  return fmt::format("{} rose {} -> {} in {}, {}", rise.track->name, rise.baseline.value, rise.last.value,
                     format_duration(rise.last.at - rise.baseline.at),
                     rise.exact ? "allowed +0" : "and goes on rising");
}

const Trend* find_trend(const Verdict& verdict, std::string_view series) {
  for (const Trend& trend : verdict.trends) {
    if (trend.series == series && trend.not_judged.empty()) {
      return &trend;
    }
  }
  return nullptr;
}

// ", cycle 12". Empty before the first one; a recording without --ops has none.
std::string cycle_text(std::uint64_t cycle, const JudgeWords& words) {
  return cycle == 0 ? std::string() : fmt::format(", {} {}", words.cycle, cycle);
}

// What a trend that is a leak adds to its finding. A headline that already states the growth is not repeated.
enum class Headline { kBudget, kGrowth };

void add_trend(const Trend& trend, Headline headline, const JudgeWords& words, Finding& finding) {
  finding.evidence.push_back({"since", since_text(trend) + cycle_text(trend.since_cycle, words)});
  if (headline == Headline::kBudget) {
    finding.evidence.push_back({"grows", growth_text(trend)});
  }
  if (!trend.operation.empty()) {
    finding.evidence.push_back({"per " + trend.operation, amount_text(trend.per_operation, trend.unit)});
  }
  finding.evidence.push_back({"per day", trend.unit == Unit::kBytes
                                             ? format_bytes(static_cast<std::int64_t>(trend.per_day))
                                             : fmt::format("{:.0f}", trend.per_day)});
  if (trend.limit_reached) {
    finding.evidence.push_back({"limit", "reached " + forecast_text(*trend.limit_reached)});
  }
}

// "+0.002, one per 500 opens": how a count rose with the operation that explains it best.
std::optional<Evidence> rise_per_operation(const Measurements& measured, const Rise& rise, const JudgeWords& words) {
  const std::optional<Attribution> to = attribution_of(*rise.track, measured, words.cycle);
  if (!to) {
    return std::nullopt;
  }
  std::string text = fmt::format("{:+.2g}", to->each);
  if (to->each > 0 && to->each <= 0.5) {
    text += fmt::format(", one per {:.0f} {}s", 1 / to->each, to->operation.substr(0, to->operation.find(" or ")));
  }
  return Evidence{"per " + to->operation, text};
}

// Who holds what rose, as far as that is known.
const std::vector<std::string>& holders_of(std::string_view count, const JudgeWords& words) {
  static const std::vector<std::string> kNone;
  return count == "sockets" ? words.socket_holders : count == "threads" ? words.thread_holders : kNone;
}

Finding count_finding(const Measurements& measured, const Rise& rise, const JudgeWords& words, const Trend* trend) {
  Finding finding{rise.track->name, rose(rise), {}};
  finding.evidence.push_back({"since", format_clock(rise.since.at) + cycle_text(rise.since.cycle, words)});
  if (trend != nullptr && trend->leak) {
    finding.evidence.push_back({"grows", growth_text(*trend)});
  }
  if (std::optional<Evidence> per = rise_per_operation(measured, rise, words)) {
    finding.evidence.push_back(std::move(*per));
  }
  for (const Track& part : measured.tracks) {
    if (part.part_of == rise.track->name && part.at_rest.added() >= 2 &&
        part.at_rest.last()->value > part.at_rest.first()->value) {
      finding.evidence.push_back({"of these", fmt::format("{} rose {} -> {}", part.name, part.at_rest.first()->value,
                                                          part.at_rest.last()->value)});
    }
  }
  for (const std::string& holder : holders_of(rise.track->name, words)) {
    finding.evidence.push_back({"held by", holder});
  }
  return finding;
}

// A count that rose and stayed, once or until it was what it had to be: no leak, but worth knowing.
std::string step_remark(const Measurements& measured, const Floor& floor, const JudgeWords& words) {
  const Point& last = floor.points[floor.rises.back()];
  std::string text =
      fmt::format("{} rose {} -> {} {}, at {}{}, and no further", floor.track->name, floor.points.front().value,
                  floor.points.back().value,
                  floor.rises.size() == 1 ? "once" : fmt::format("in {} steps, the last one", floor.rises.size()),
                  format_clock(last.at), cycle_text(last.cycle, words));
  std::vector<std::string> holders;
  for (const Track& part : measured.tracks) {
    if (part.part_of == floor.track->name && part.at_rest.added() >= 2 &&
        part.at_rest.last()->value > part.at_rest.first()->value) {
      holders.push_back(
          fmt::format("{} rose {} -> {}", part.name, part.at_rest.first()->value, part.at_rest.last()->value));
    }
  }
  const std::vector<std::string>& seen = holders_of(floor.track->name, words);
  holders.insert(holders.end(), seen.begin(), seen.end());
  return holders.empty() ? text : fmt::format("{}; {}", text, fmt::join(holders, "; "));
}

// Lists the effect of an earlier finding under that finding instead of beside it.
void add_or_list(Verdict& verdict, Finding* cause, Finding finding) {
  if (cause != nullptr) {
    cause->evidence.push_back({"with", finding.text});
  } else {
    verdict.findings.push_back(std::move(finding));
  }
}

// What is measured is a group of other processes. A gauge, or a column of a recording, may be named memory too.
bool is_group(const Measurements& measured) {
  return std::any_of(measured.tracks.begin(), measured.tracks.end(),
                     [](const Track& track) { return track.part_of == "memory"; });
}

void judge_counts(const Measurements& measured, const Budgets& budgets, const JudgeWords& words, Verdict& verdict) {
  const bool group = is_group(measured);
  std::vector<Rise> rises;
  for (const Track& track : measured.tracks) {
    if (track.unit != Unit::kCount || !track.part_of.empty()) {
      continue;
    }
    // Before the first quiescent point, a count rises because the run opens what it works with.
    const bool exact = budgets.counts_exact && track.at_rest.added() >= 2;
    const Floor floor = exact ? exact_floor_of(track) : group ? floor_after_start_of(track) : floor_of(track);
    if (floor.points.size() < 2) {
      continue;
    }
    const Trend* const trend = find_trend(verdict, track.name);
    const bool grows = trend != nullptr && trend->leak;
    if (grows || (floor.rise() > 0 && (exact || goes_on_rising(floor)))) {
      rises.push_back(rise_of(floor, exact));
    } else if (floor.rise() > floor.fell) {  // What goes up and down ends somewhere.
      verdict.remarks.push_back(step_remark(measured, floor, words));
    }
  }
  std::stable_sort(rises.begin(), rises.end(),
                   [](const Rise& a, const Rise& b) { return rank(a.track->name) < rank(b.track->name); });
  std::vector<std::pair<const Rise*, std::size_t>> causes;  // And the finding of each.
  for (const Rise& rise : rises) {
    Finding* cause = nullptr;
    for (const auto& [other, index] : causes) {
      if (rises_in_step(*other, rise)) {
        cause = &verdict.findings[index];
        break;
      }
    }
    if (cause == nullptr) {
      causes.emplace_back(&rise, verdict.findings.size());
    }
    add_or_list(verdict, cause, count_finding(measured, rise, words, find_trend(verdict, rise.track->name)));
  }
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// A third of the quiescent points, as one: the median of its values, at the median of its cycles. A leak rises with the
// cycles, so the two medians are of the same points, however unevenly a busy machine spaced them.
struct Third {
  std::int64_t heap_bytes = 0;
  double cycle = 0;
};

Third third_of(const std::vector<Point>& points, std::size_t from, std::size_t count) {
  std::vector<double> values;
  std::vector<double> cycles;
  for (std::size_t i = from; i < from + count; ++i) {
    values.push_back(static_cast<double>(points[i].value));
    cycles.push_back(static_cast<double>(points[i].cycle));
  }
  return {static_cast<std::int64_t>(median(std::move(values))), median(std::move(cycles))};
}

void judge_heap(const Measurements& measured, const Budgets& budgets, const JudgeWords& words, Verdict& verdict,
                Finding* holder) {
  const Track* heap = measured.find("heap");
  if (heap == nullptr || !heap->unavailable.empty()) {
    verdict.remarks.push_back(
        fmt::format("inconclusive: heap not judged: {}", heap == nullptr ? "not measured" : heap->unavailable));
    return;
  }
  const std::vector<Point> points = heap->at_rest.points();
  if (points.size() < 3) {
    verdict.remarks.push_back(fmt::format("inconclusive: heap residue not judged: {}, 3 are needed",
                                          format_plural(measured.quiescent_points, "quiescent point")));
    return;
  }
  const Trend* const trend = find_trend(verdict, "heap");
  const bool leaks = trend != nullptr && trend->leak;
  const std::size_t third = points.size() / 3;
  const Third first = third_of(points, 0, third);
  const Third last = third_of(points, points.size() - third, third);
  const double cycles = last.cycle - first.cycle;
  if (cycles < 1) {
    verdict.remarks.push_back(
        fmt::format("inconclusive: heap residue not judged: fewer than one {} between the thirds", words.cycle));
    return;
  }
  const auto per_cycle = static_cast<std::int64_t>(static_cast<double>(last.heap_bytes - first.heap_bytes) / cycles);
  if (per_cycle <= budgets.heap_per_cycle_bytes_max && !leaks) {
    return;
  }
  Finding finding{"heap", {}, {}};
  const bool over_budget = per_cycle > budgets.heap_per_cycle_bytes_max;
  if (over_budget) {
    finding.text = fmt::format("heap grew {} per {}, allowed {}: {} -> {} over {:.0f} {}s", format_bytes(per_cycle),
                               words.cycle, format_bytes(budgets.heap_per_cycle_bytes_max),
                               format_bytes(first.heap_bytes), format_bytes(last.heap_bytes), cycles, words.cycle);
  } else {
    finding.text = fmt::format("heap grew {}", growth_text(*trend));
  }
  if (leaks) {
    add_trend(*trend, over_budget ? Headline::kBudget : Headline::kGrowth, words, finding);
  }
  add_or_list(verdict, holder, std::move(finding));
}

// Memory that grows with time, if no operation explains it.
void judge_slopes(const JudgeWords& words, Verdict& verdict, Finding* holder) {
  for (const Trend& trend : verdict.trends) {
    if (!trend.leak || trend.unit != Unit::kBytes || trend.series == "heap" || verdict.find(trend.series) != nullptr) {
      continue;
    }
    Finding finding{trend.series, fmt::format("{} grew {}", trend.series, growth_text(trend)), {}};
    add_trend(trend, Headline::kGrowth, words, finding);
    add_or_list(verdict, trend.series == "rss" || trend.series == "memory" ? holder : nullptr, std::move(finding));
  }
}

// What a gauge says and the kernel holds at the end. Ends of passes, at which work may be in flight, are read one after
// the other: there, of the last third of the points, the one at which the two are closest.
std::optional<std::pair<std::int64_t, std::int64_t>> gauge_and_kernel(const Measurements& measured, const Track& gauge,
                                                                      const Track& kernel) {
  if (gauge.at_rest.empty() || kernel.at_rest.empty()) {
    return std::nullopt;
  }
  if (!measured.candidates) {
    return std::pair(gauge.at_rest.last()->value, kernel.at_rest.last()->value);
  }
  const std::vector<Point> held = kernel.at_rest.points();
  const auto from = held.front().at + (held.back().at - held.front().at) * 2 / 3;
  const std::vector<Point> said = gauge.at_rest.points();
  std::optional<std::pair<std::int64_t, std::int64_t>> closest;
  auto at = said.begin();
  for (const Point& point : held) {
    at = std::find_if(at, said.end(), [&point](const Point& one) { return one.at >= point.at; });
    if (at == said.end()) {
      break;
    }
    // Where points stand for several values: the least that the gauge said and the most that there was.
    if (point.at >= from && (!closest || at->low - point.high < closest->first - closest->second)) {
      closest.emplace(at->low, point.high);
    }
  }
  return closest;
}

void judge_ghosts(const Measurements& measured, Verdict& verdict) {
  for (const Track& gauge : measured.tracks) {
    const Track* const kernel = gauge.stands_for.empty() ? nullptr : measured.find(gauge.stands_for);
    const auto seen = kernel == nullptr ? std::nullopt : gauge_and_kernel(measured, gauge, *kernel);
    if (!seen) {
      continue;
    }
    const auto [says, holds] = *seen;
    if (says <= holds) {
      continue;
    }
    const std::string text = fmt::format("{} shows {}, but the kernel holds {} {}: {} {}", gauge.name, says, holds,
                                         kernel->name, says - holds, says - holds == 1 ? "ghost" : "ghosts");
    const auto known = std::find_if(verdict.findings.begin(), verdict.findings.end(),
                                    [&](const Finding& finding) { return finding.subject == gauge.name; });
    if (known == verdict.findings.end()) {
      verdict.findings.push_back({gauge.name, text, {}});
    } else {
      known->evidence.push_back({"rose", std::exchange(known->text, text)});
    }
  }
}

// Whether growth is judged over time: that of memory whose values between the quiescent points are known, and of what
// has no quiescent points.
bool over_time(const Track& track, const JudgeWords& words) {
  const bool memory = track.unit == Unit::kBytes && track.name != "heap" && !words.per_cycle;
  return track.at_rest.added() < 2 || (memory && !track.timeline.empty());
}

std::string limit_text(const Trend& trend) {
  return trend.limit_reached ? "; the limit is reached " + forecast_text(*trend.limit_reached) : "";
}

bool bound_is(const Trend& trend, Bound::State state) { return trend.bound && trend.bound->state == state; }

// A bound that could not be shown, or growth that is likely.
std::optional<Finding> open_question(const Trend& trend) {
  if (!trend.not_judged.empty() || trend.leak) {
    return std::nullopt;
  }
  if (bound_is(trend, Bound::State::kNotShown)) {
    Finding open{trend.series,
                 fmt::format("{}: {} is neither shown nor excluded: {}", trend.series, to_string(trend.bound->asked),
                             trend.state == GrowthState::kAtRest ? excluded_text(trend) : growth_text(trend)),
                 {}};
    if (trend.bound->run_needed) {
      open.evidence.push_back({"run needed", "about " + format_duration(*trend.bound->run_needed)});
    }
    return open;
  }
  if (trend.state == GrowthState::kLikely && !bound_is(trend, Bound::State::kMet)) {
    return Finding{trend.series,
                   fmt::format("{} may be growing: {}{}", trend.series, growth_text(trend), limit_text(trend)),
                   {{"since", since_text(trend)}}};
  }
  return std::nullopt;
}

// What a series in bytes excludes, what it grew by before it rested, or what a bound allows it.
std::string trend_remark(const Trend& trend) {
  if (trend.state != GrowthState::kAtRest) {
    return fmt::format("{} grew {}, allowed {}{}", trend.series, growth_text(trend), to_string(trend.bound->asked),
                       limit_text(trend));
  }
  return fmt::format("{}: {}",
                     trend.rest ? fmt::format("{} {}", trend.series, rest_text(trend))
                                : fmt::format("{} of {}", rest_text(trend), trend.series),
                     excluded_text(trend));
}

// The last known level of what a memory limit is about: of the process, and not of its heap alone.
std::int64_t level_of(const Track& track, const Measurements& measured) {
  const Track* const rss = track.name == "heap" ? measured.find("rss") : nullptr;
  const Track& of = rss != nullptr && !rss->timeline.empty() ? *rss : track;
  return (of.timeline.empty() ? of.at_rest : of.timeline).last()->value;
}

// Empty if its growth can be judged.
std::string why_not_judged(const Track& track, const JudgeWords& words) {
  if (track.name == "rss" && !words.rss_not_judged.empty()) {
    return words.rss_not_judged;
  }
  // The noise of RSS (pages, high-water marks) depends on real time.
  if (words.virtual_clock && track.unit == Unit::kBytes && over_time(track, words)) {
    return "the clock is virtual";
  }
  return {};
}

// The series that stands for all memory of what is measured.
std::string_view resident(const Measurements& measured) { return is_group(measured) ? "memory" : "rss"; }

// Without the samples from before the first cycle: while a program starts, what it holds says nothing about leaks.
Track after_start(const Track& track) {
  const std::vector<Point> points = track.timeline.points();
  const auto first = std::find_if(points.begin(), points.end(), [](const Point& point) { return point.cycle > 0; });
  Track later;
  later.name = track.name;
  later.unit = track.unit;
  later.restarts = track.restarts;
  if (first != points.end()) {
    later.timeline.append(track.timeline, first->at, 0);
  }
  return later;
}

void find_trends(const Measurements& measured, const Budgets& budgets, const JudgeWords& words, Verdict& verdict) {
  if (words.budgets_only) {
    return;
  }
  const std::size_t noisy = noisy_series(measured);
  const bool group = is_group(measured);
  const OperationRates rates(measured, words.cycle);
  bool bound_judged = false;
  for (const Track& track : measured.tracks) {
    const bool memory = track.unit == Unit::kBytes;
    if (!track.unavailable.empty() || !track.part_of.empty()) {
      continue;
    }
    if (std::string why = why_not_judged(track, words); !why.empty()) {
      Trend& trend = verdict.trends.emplace_back();
      trend.series = track.name;
      trend.unit = track.unit;
      trend.not_judged = std::move(why);
      continue;
    }
    Trend trend = !over_time(track, words) ? residue_of(track, measured, words.cycle, noisy)
                  : group                  ? slope_of(after_start(track), noisy)
                                           : slope_of(track, noisy);
    attribute(track, measured, words.cycle, trend);
    if (memory && trend.not_judged.empty() && budgets.leak_max) {
      trend.bound = judge_bound(*budgets.leak_max, trend, rates);
      trend.leak = trend.bound ? trend.bound->state == Bound::State::kExceeded : trend.leak;
      bound_judged |= trend.bound.has_value();
    }
    if (memory && trend.not_judged.empty() && budgets.memory_limit_bytes) {
      trend.limit_reached = forecast(trend, level_of(track, measured), *budgets.memory_limit_bytes, rates);
    }
    if (std::optional<Finding> open = open_question(trend)) {
      verdict.inconclusive.push_back(std::move(*open));
    }
    verdict.trends.push_back(std::move(trend));
  }
  if (budgets.leak_max && !bound_judged) {
    verdict.inconclusive.push_back(
        {"leak_max",
         fmt::format("{} is neither shown nor excluded: no series in bytes could be judged against it",
                     to_string(*budgets.leak_max)),
         {}});
  }
}

void judge_rss(const Measurements& measured, const Budgets& budgets, const JudgeWords& words, Verdict& verdict,
               Finding* holder) {
  if (!words.rss_not_judged.empty()) {
    verdict.remarks.push_back("inconclusive: rss not judged: " + words.rss_not_judged);
    return;
  }
  const std::optional<RssGrowth> growth = rss_growth(measured);
  if (!growth) {
    const std::string series(resident(measured));
    verdict.findings.push_back({series, series + " has fewer than two samples, too few to pass", {}});
    return;
  }
  const std::string series(growth->series);
  const std::int64_t grown = growth->end - growth->start;
  if (grown > budgets.rss_growth_bytes_max) {
    add_or_list(verdict, holder,
                {series,
                 fmt::format("{} grew {}, allowed {}: {} -> {}", series, format_bytes(grown),
                             format_bytes(budgets.rss_growth_bytes_max), format_bytes(growth->start),
                             format_bytes(growth->end)),
                 {}});
  } else if (growth->peak - growth->start > budgets.rss_growth_bytes_max) {
    verdict.remarks.push_back(fmt::format("{} peaked at {}, {} above its start, and came back to {}", series,
                                          format_bytes(growth->peak), format_bytes(growth->peak - growth->start),
                                          format_bytes(growth->end)));
  }
}

}  // namespace

const Finding* Verdict::find(const std::string& subject) const {
  for (const Finding& finding : findings) {
    if (finding.subject == subject) {
      return &finding;
    }
  }
  return nullptr;
}

std::optional<RssGrowth> rss_growth(const Measurements& measured) {
  const std::string_view series = resident(measured);
  const Track* rss = measured.find(series);
  if (rss == nullptr || rss->timeline.empty()) {
    return std::nullopt;
  }
  if (rss->at_rest.added() >= 2) {
    return RssGrowth{series, rss->at_rest.first()->value, rss->timeline.peak()->value, rss->at_rest.last()->value};
  }
  // Without two quiescent points: from the first sample after a cycle, or, in a run of one cycle, from the start.
  std::optional<Point> start;
  for (const Point& point : rss->timeline.points()) {
    if (point.at < rss->timeline.last()->at && (!start || (start->cycle == 0 && point.cycle > 0))) {
      start = point;
    }
  }
  if (start) {
    return RssGrowth{series, start->value, rss->timeline.peak()->value, rss->timeline.last()->value};
  }
  return std::nullopt;
}

Verdict judge_growth(const Measurements& measured, const Budgets& budgets, const JudgeWords& words) {
  Verdict verdict;
  find_trends(measured, budgets, words, verdict);
  Budgets of_counts = budgets;
  if (budgets.counts_exact && measured.candidates) {
    of_counts.counts_exact = false;
    verdict.remarks.push_back(
        "counts_exact: the loop marks no quiescent points, so counts were judged by whether they go on rising; call "
        "cycle.quiescent() where nothing is in flight");
  }
  judge_counts(measured, of_counts, words, verdict);
  return verdict;
}

Verdict judge(const Measurements& measured, const Budgets& budgets, const JudgeWords& words) {
  Verdict verdict;
  if (measured.quiescent_points < 2) {
    verdict.remarks.push_back(
        fmt::format("counts were judged over time and not compared with a baseline: {}, 2 are needed",
                    format_plural(measured.quiescent_points, "quiescent point")));
  }
  Verdict growth = judge_growth(measured, budgets, words);
  for (const Trend& trend : growth.trends) {
    if (trend.unit == Unit::kBytes && trend.not_judged.empty() && !trend.leak && !open_question(trend)) {
      verdict.remarks.push_back(trend_remark(trend));
    }
  }
  std::move(growth.remarks.begin(), growth.remarks.end(), std::back_inserter(verdict.remarks));
  verdict.findings = std::move(growth.findings);
  verdict.trends = std::move(growth.trends);
  verdict.inconclusive = std::move(growth.inconclusive);
  judge_ghosts(measured, verdict);
  // A socket, a thread or a task holds memory too; a bare descriptor holds almost none.
  Finding* holder = nullptr;
  for (Finding& finding : verdict.findings) {
    if (finding.subject != "fds") {
      holder = &finding;
      break;
    }
  }
  judge_heap(measured, budgets, words, verdict, holder);
  // Heap is the more exact measure; RSS that rose with it is the same finding.
  if (holder == nullptr && !verdict.findings.empty() && verdict.findings.back().subject == "heap") {
    holder = &verdict.findings.back();
  }
  judge_rss(measured, budgets, words, verdict, holder);
  judge_slopes(words, verdict, holder);
  constexpr std::size_t kRestartsShown = 3;
  for (std::size_t i = 0; i < std::min(measured.restarts.size(), kRestartsShown); ++i) {
    const Restart& restart = measured.restarts[i];
    const bool more = i + 1 == kRestartsShown && measured.restarts.size() > kRestartsShown;
    verdict.remarks.push_back(
        fmt::format("{} at {}{}", restart.text, format_clock(restart.at),
                    more ? fmt::format("; {} more", measured.restarts.size() - kRestartsShown) : ""));
  }
  for (const Vanished& process : measured.vanished) {
    verdict.findings.push_back({process.name,
                                fmt::format("process {} ({}) ended at {}, before the run did", process.id.value,
                                            process.name, format_clock(process.at)),
                                {}});
  }
  if (measured.baseline_unsettled || measured.last_unsettled) {
    verdict.findings.push_back({"settling",
                                fmt::format("did not settle at the {} quiescent point: {} was still changing",
                                            measured.last_unsettled ? "last" : "first", measured.unsettled_by),
                                {}});
  } else if (measured.unsettled_points > 0) {
    verdict.remarks.push_back(
        fmt::format("did not settle at {} of {}: {} was still changing", measured.unsettled_points,
                    format_plural(measured.quiescent_points, "quiescent point"), measured.unsettled_by));
  }
  return verdict;
}

}  // namespace soak::probe

// SPDX-License-Identifier: Apache-2.0
#include "lib/growth/look.h"

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <utility>

#include "lib/growth/fitter.h"
#include "lib/growth/forms.h"
#include "lib/growth/frequencies.h"

namespace soak::probe::fitting {

namespace {

// Student's quantiles. Degrees of freedom are whole numbers, and thousands of fits need the same few.
class Quantiles {
 public:
  explicit Quantiles(double confidence) : tail_((1 - confidence) / 2) {}

  double at(double freedom) {
    double& known = known_[static_cast<std::size_t>(freedom)];
    if (known == 0) {
      known = boost::math::quantile(boost::math::complement(boost::math::students_t(freedom), tail_));
    }
    return known;
  }

 private:
  double tail_;
  std::array<double, kCoefficients + 1> known_{};
};

template <typename Condition>
const Fit* best_of(const std::vector<Fit>& fits, const Condition& counts) {
  const Fit* best = nullptr;
  for (const Fit& fit : fits) {
    if (counts(fit) && (best == nullptr || fit.likelihood > best->likelihood)) {
      best = &fit;
    }
  }
  return best;
}

// The coefficients at which a fit misses by far more than at the others.
std::vector<int> peaks(const Eigen::VectorXd& residuals, const std::vector<int>& frequencies) {
  std::vector<double> sizes(static_cast<std::size_t>(residuals.size()));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    sizes[i] = std::abs(residuals(static_cast<Eigen::Index>(i)));
  }
  std::vector<double> sorted = sizes;
  const double usual = median_of(sorted) * kMedianToDeviation;
  std::vector<int> found;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (frequencies[i] >= kPeakFrequencyMin && sizes[i] > kPeak * usual) {
      found.push_back(frequencies[i]);
    }
  }
  return found;
}

// The part of a fit that is at rest in the end, in every block.
std::vector<double> part_at_rest(const Series& series, const Fit& fit, bool with_cycle) {
  std::vector<double> values(series.blocks.size());
  std::size_t c = 0;
  for (const Form& form : fit.forms) {
    for (int i = 0; i < columns_of(form); ++i, ++c) {
      if (form.kind != Kind::kLine && (with_cycle || !is_periodic(form.kind))) {
        for (std::size_t b = 0; b < values.size(); ++b) {
          values[b] += fit.amplitudes[c] * value_of(form, series.blocks[b], i == 1);
        }
      }
    }
  }
  return values;
}

// When what is at rest came to rest: the share of the span.
double rest_of(const Series& series, const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double left = kRested * (*high - *low);
  std::size_t b = values.size();
  while (b > 0 && std::abs(values[b - 1] - values.back()) <= left) {
    --b;
  }
  return b == values.size() ? 1 : b == 0 ? 0 : series.blocks[b].u;
}

// Whether a fit grows ever more slowly and comes to no rest, as a logarithm does, by more than a share of all that it
// changes, which is `values`.
bool slows_down(const Series& series, const Fit& fit, const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  std::size_t c = 0;
  for (const Form& form : fit.forms) {
    if (form.kind == Kind::kSlowing) {
      const double grown = value_of(form, series.blocks.back(), false) - value_of(form, series.blocks.front(), false);
      return fit.amplitudes[c] * grown > kRested * (*high - *low);
    }
    c += static_cast<std::size_t>(columns_of(form));
  }
  return false;
}

struct Interval {
  double low = 0;
  double high = 0;
};

// Lines through a part of a series, one for each model of the noise.
struct Lines {
  struct Line {
    double likelihood = -kInfinity;
    double slope = 0;
    double margin = 0;
  };
  std::array<Line, kMemory.size()> by_memory;
  std::vector<int> peaks;  // Of what the likeliest one leaves.

  double likelihood() const {
    return std::max_element(by_memory.begin(), by_memory.end(),
                            [](const Line& a, const Line& b) { return a.likelihood < b.likelihood; })
        ->likelihood;
  }
};

// `cost` is that of what was taken off the values before.
Lines lines_through(const Series& part, const std::vector<int>& frequencies, double cost, Quantiles& quantiles) {
  const auto count = static_cast<Eigen::Index>(part.blocks.size());
  Eigen::VectorXd times(count);
  Eigen::VectorXd values(count);
  for (Eigen::Index b = 0; b < count; ++b) {
    times(b) = part.blocks[static_cast<std::size_t>(b)].u;
    values(b) = part.blocks[static_cast<std::size_t>(b)].value - part.blocks.front().value;
  }
  const Transform transform(part, frequencies);
  const double freedom = std::max(transform.rows() - cost - 1, 1.0);
  Lines lines;
  for (std::size_t memory = 0; memory < kMemory.size(); ++memory) {
    const Eigen::VectorXd x = transform.transform(memory) * times;
    const Eigen::VectorXd y = transform.transform(memory) * values;
    const double slope = x.dot(y) / x.squaredNorm();
    const Eigen::VectorXd left = y - slope * x;
    const double likelihood = transform.likelihood(memory, left.squaredNorm(), cost + 1);
    if (likelihood > lines.likelihood()) {
      lines.peaks = peaks(left, frequencies);
    }
    lines.by_memory[memory] = {
        likelihood, slope, quantiles.at(freedom) * transform.deviation(memory, left.squaredNorm(), freedom) / x.norm()};
  }
  return lines;
}

// The slope of the growing part alone, per span of the whole. What is lost, is lost piece by piece when chance has it.
// That noise is a random walk that begins with the leak: the whole hides it, or takes it for forms at rest. So lines
// are fitted to the part as it is, and without the forms. Empty if the part has too few blocks.
std::optional<Interval> growing_part(const Series& series, const Fit& grows, double onset, Quantiles& quantiles) {
  const std::vector<double> rest = part_at_rest(series, grows, true);
  Series part;
  part.noise_floor = series.noise_floor;
  Series without;
  without.noise_floor = series.noise_floor;
  for (std::size_t b = 0; b < series.blocks.size(); ++b) {
    if (series.blocks[b].u >= onset) {
      part.blocks.push_back(series.blocks[b]);
      without.blocks.push_back(series.blocks[b]);
      without.blocks.back().value -= rest[b];
    }
  }
  if (part.blocks.size() < kBlocksMin) {
    return std::nullopt;
  }
  part.offsets = without.offsets = offsets_of(part.blocks);
  std::vector<int> frequencies(std::min<std::size_t>(kCoefficients, part.blocks.size() - 1));
  std::iota(frequencies.begin(), frequencies.end(), 1);
  double cost = 0;
  for (const Form& form : grows.forms) {
    cost += form.kind == Kind::kLine ? 0 : cost_of(form);
  }

  Lines lines_without = lines_through(without, frequencies, cost, quantiles);
  for (int round = 0; round < kPeakRounds && !lines_without.peaks.empty() &&
                      frequencies.size() - lines_without.peaks.size() >= kCoefficients / 2;
       ++round) {
    std::erase_if(frequencies, [&](int j) {
      return std::find(lines_without.peaks.begin(), lines_without.peaks.end(), j) != lines_without.peaks.end();
    });
    lines_without = lines_through(without, frequencies, cost, quantiles);
  }
  const Lines lines_of_all = lines_through(part, frequencies, 0, quantiles);
  const double most = std::max(lines_without.likelihood(), lines_of_all.likelihood());
  Interval interval{kInfinity, -kInfinity};
  for (const Lines* lines : std::array<const Lines*, 2>{&lines_without, &lines_of_all}) {
    for (const Lines::Line& line : lines->by_memory) {
      if (line.likelihood >= most - kPlausible) {
        interval.low = std::min(interval.low, line.slope - line.margin);
        interval.high = std::max(interval.high, line.slope + line.margin);
      }
    }
  }
  return std::isfinite(most) ? std::optional(interval) : std::nullopt;
}

// What the approaches of a fit grow by per span, in the first blocks and in the last ones.
struct Rates {
  double at_start = 0;
  double at_end = 0;
};

Rates rates_of_approaches(const Series& series, const Fit& fit) {
  const std::vector<Block>& blocks = series.blocks;
  const auto rate = [](const Form& form, const Block& from, const Block& to) {
    return (value_of(form, to, false) - value_of(form, from, false)) / (to.u - from.u);
  };
  Rates rates;
  std::size_t c = 0;
  for (const Form& form : fit.forms) {
    if (is_approach(form.kind)) {
      rates.at_start += fit.amplitudes[c] * rate(form, blocks[0], blocks[1]);
      rates.at_end += fit.amplitudes[c] * rate(form, blocks[blocks.size() - 2], blocks.back());
    }
    c += static_cast<std::size_t>(columns_of(form));
  }
  return rates;
}

}  // namespace

Look look_at(std::span<const Segment> segments, const GrowthOptions& options) {
  Look look;
  look.series = series_of(segments, options.noise_floor);
  const Series& series = look.series;
  double longest = 0;
  for (const Block& block : series.blocks) {
    longest = std::max(longest, block.since);
  }
  const Limits limits{std::max(options.slow_scale / series.span, longest * kScaleMax), longest * kRestFrom};
  std::vector<int> frequencies(std::min<std::size_t>(kCoefficients, series.blocks.size() - 1));
  std::iota(frequencies.begin(), frequencies.end(), 1);
  const auto any_fit = [](const Fit&) { return true; };
  std::optional<Fitter> fitter;
  for (int round = 0;; ++round) {
    fitter.emplace(series, frequencies, limits);
    fitter->search();
    if (round == kPeakRounds) {
      break;
    }
    const Fit* best = best_of(fitter->at_rest(), any_fit);
    const Fit* growing = best_of(fitter->growing(), any_fit);
    best = growing != nullptr && growing->likelihood > best->likelihood ? growing : best;
    // Moved from the grid: what a sawtooth leaves that is not quite in its place looks like peaks.
    const std::vector<int> gone = peaks(fitter->residuals(fitter->refined(*best)), frequencies);
    if (gone.empty() || frequencies.size() - gone.size() < kCoefficients / 2) {
      break;
    }
    std::erase_if(frequencies, [&](int j) { return std::find(gone.begin(), gone.end(), j) != gone.end(); });
  }
  fitter->refine();

  // Whether a form is still on its way when the series ends: a warm-up that may take longer than what was seen.
  const double rested_scale = longest * kScaleMax * 1.001;  // The grid's last scale is rounded.
  const auto on_its_way = [&](const Fit& fit) {
    return std::any_of(fit.forms.begin(), fit.forms.end(),
                       [&](const Form& form) { return is_approach(form.kind) && form.a > rested_scale; });
  };
  // Of such a form a short series shows the beginning alone, which is nearly a line: whatever the series shows is
  // growth.
  const auto hardly_slows = [&](const Fit& fit) {
    const Rates rates = rates_of_approaches(series, fit);
    return on_its_way(fit) && rates.at_end > kHardlySlows * rates.at_start;
  };
  const auto growth_at_end = [&](const Fit& fit) {
    return fit.slope + (on_its_way(fit) ? rates_of_approaches(series, fit).at_end : 0);
  };
  const auto slope_of = [&](const Fit& fit) { return hardly_slows(fit) ? growth_at_end(fit) : fit.slope; };
  const auto onset_of = [&](const Fit& fit) { return hardly_slows(fit) ? 0 : fit.onset; };
  Quantiles quantiles(options.confidence);
  Quantiles sure(kSure);
  const Fit& rests = *best_of(fitter->at_rest(), any_fit);
  const Fit& has_rested = *best_of(fitter->at_rest(), [&](const Fit& fit) { return !on_its_way(fit); });
  const Fit* grows = best_of(fitter->growing(), [](const Fit& fit) { return fit.is_growth; });
  const Fit* falls = best_of(fitter->growing(), [](const Fit& fit) { return fit.slope <= 0; });
  const Fit* has_fallen =
      best_of(fitter->growing(), [&](const Fit& fit) { return fit.slope <= 0 && !on_its_way(fit); });
  const Fit* goes_on = best_of(
      fitter->growing(), [&](const Fit& fit) { return fit.is_growth && (!on_its_way(fit) || hardly_slows(fit)); });
  const double fallen = falls != nullptr ? falls->likelihood : -kInfinity;
  const double other = std::max(rests.likelihood, fallen);
  const double most = std::max(other, grows != nullptr ? grows->likelihood : -kInfinity);
  const auto is_plausible = [&](const Fit& fit) { return fit.likelihood >= most - kPlausible; };
  double surely_lowest = kInfinity;  // Of the slopes of plausible forms.
  for (const Fit& fit : fitter->growing()) {
    if (is_plausible(fit) && (fit.is_growth || fit.slope <= 0)) {
      surely_lowest = std::min(surely_lowest, fit.slope - sure.at(fit.freedom) * fit.error);
    }
  }
  const bool is_sure = surely_lowest > 0 && std::isfinite(surely_lowest);
  // A warm-up that is not over explains the series as well as growth does, or takes so much of the growth that no slope
  // is left, and nothing else does. Then it does grow; for how long is unknown.
  const auto may_be_on_its_way = [&](const Fit& fit) { return is_plausible(fit) && on_its_way(fit); };
  const bool may_be_warm_up =
      std::any_of(fitter->at_rest().begin(), fitter->at_rest().end(), may_be_on_its_way) ||
      (!is_sure && std::any_of(fitter->growing().begin(), fitter->growing().end(), may_be_on_its_way));
  look.warming_up = may_be_warm_up && !is_plausible(has_rested) && goes_on != nullptr && is_plausible(*goes_on) &&
                    !(has_fallen != nullptr && is_plausible(*has_fallen));
  if (look.warming_up) {
    grows = goes_on;
  }
  bool any = false;
  const auto include = [&](double low, double high) {
    look.low = any ? std::min(look.low, low) : low;
    look.high = any ? std::max(look.high, high) : high;
    any = true;
  };
  // The interval that is reported holds all that is not excluded. `lowest` is the lowest that is plausible.
  double lowest = kInfinity;
  const auto include_fit = [&](const Fit& fit, double rate, double margin, double wide_margin) {
    include(rate - wide_margin, rate + wide_margin);
    lowest = is_plausible(fit) ? std::min(lowest, rate - margin) : lowest;
  };
  for (const Fit& fit : fitter->growing()) {
    if (fit.likelihood < most - kNotExcluded || !(fit.is_growth || fit.slope <= 0)) {
      continue;
    }
    if (look.warming_up && on_its_way(fit)) {
      include_fit(fit, growth_at_end(fit), 0, 0);
    } else {
      include_fit(fit, fit.slope, quantiles.at(fit.freedom) * fit.error, quantiles.at(fit.freedom) * fit.wide_error);
    }
  }
  if (look.warming_up) {
    for (const Fit& fit : fitter->at_rest()) {
      if (is_plausible(fit)) {
        include_fit(fit, growth_at_end(fit), 0, 0);
      }
    }
  } else if (!any || is_plausible(rests)) {
    lowest = 0;
    include(0, 0);
  }
  look.above_zero = lowest > 0 && std::isfinite(lowest);
  if (grows != nullptr) {
    look.slope = grows->likelihood > other || look.warming_up ? slope_of(*grows) : 0;
    look.evidence = grows->likelihood - other;
    look.sure = is_sure && grows->onset <= kOnsetMax + 0.01;
    look.onset = look.onset_earliest = look.onset_latest = onset_of(*grows);
    for (const Fit& fit : fitter->growing()) {
      if (fit.is_growth && fit.likelihood > grows->likelihood - kPlausible) {
        look.onset_earliest = std::min(look.onset_earliest, onset_of(fit));
        look.onset_latest = std::max(look.onset_latest, onset_of(fit));
      }
    }
  }
  if (falls != nullptr && falls->likelihood == most && !look.warming_up) {
    look.slope = falls->slope;
  }

  // What is excluded: for every onset, the steepest line that is not.
  double best_free = rests.likelihood;
  for (const Fit& fit : fitter->growing()) {
    best_free = std::max(best_free, fit.free_likelihood);
  }
  for (int i = 0; i < 19; ++i) {
    look.excluded.push_back({0.05 * i, 0});
  }
  const auto excluded_index = [&](double onset) {
    return std::min(static_cast<std::size_t>(std::lround(onset / 0.05)), look.excluded.size() - 1);
  };
  std::vector<const Fit*> likeliest(look.excluded.size(), nullptr);
  for (const Fit& fit : fitter->growing()) {
    const std::size_t i = excluded_index(fit.onset);
    if (fit.free_likelihood > best_free - kNotExcluded) {
      // A line that falls steeply makes up for a form that fits badly, and would exclude every leak. So no more is
      // excluded than a fall by one standard error would.
      const double slope = std::max(fit.slope, -fit.error);
      look.excluded[i].rate = std::max(look.excluded[i].rate, slope + quantiles.at(fit.freedom) * fit.wide_error);
    }
    if (likeliest[i] == nullptr || fit.free_likelihood > likeliest[i]->free_likelihood) {
      likeliest[i] = &fit;
    }
  }
  if (is_plausible(rests) && !look.warming_up) {
    // Rest is plausible. Then so are all slopes since the start that are not excluded, whatever the line costs.
    for (const Fit& fit : fitter->growing()) {
      if (fit.onset == 0 && fit.free_likelihood > best_free - kPlausible) {
        const double margin = quantiles.at(fit.freedom) * fit.error;
        include(fit.slope - margin, fit.slope + margin);
      }
    }
  }
  if (grows != nullptr && look.slope == slope_of(*grows)) {
    include(look.slope * (1 - kUneven), look.slope * (1 + kUneven));
    if (const std::optional<Interval> part = growing_part(series, *grows, onset_of(*grows), quantiles)) {
      include(part->low, part->high);
      double& excluded = look.excluded[excluded_index(onset_of(*grows))].rate;
      excluded = std::max(excluded, part->high);
    }
  }
  if (look.above_zero) {
    look.low = std::max(look.low, 0.0);  // That it grows is decided; by how much is less certain.
  }
  const auto may_be_a_leak = [&](const Fit& fit) { return fit.likelihood > most - kNotExcluded && hardly_slows(fit); };
  double highest = std::any_of(fitter->at_rest().begin(), fitter->at_rest().end(), may_be_a_leak) ||
                           std::any_of(fitter->growing().begin(), fitter->growing().end(), may_be_a_leak)
                       ? look.high
                       : 0;
  for (std::size_t i = 0; i < look.excluded.size(); ++i) {
    // Where no line is plausible, because another form explains the growth: what a line could hide in its error.
    const Fit* const fit = likeliest[i];
    const double hidden = fit == nullptr ? kInfinity
                          : fit->free_likelihood > best_free - kNotExcluded
                              ? 0
                              : quantiles.at(fit->freedom) * fit->wide_error;
    highest = std::max({highest, look.excluded[i].rate, hidden});
    look.excluded[i].rate = highest;
  }

  look.slope = std::clamp(look.slope, look.low, look.high);

  const Fit& upwards = grows != nullptr && grows->likelihood > rests.likelihood ? *grows : rests;
  const Fit& best = fallen > upwards.likelihood ? *falls : upwards;
  const std::vector<double> rest = part_at_rest(series, best, false);
  look.rested = slows_down(series, best, rest) ? 1 : rest_of(series, rest);
  double flat = -kInfinity;
  for (const Fit& fit : fitter->at_rest()) {
    if (fit.forms.empty()) {
      flat = std::max(flat, fit.likelihood);
    }
  }
  const double fell = std::max(-best.slope, 0.0) * (1 - best.onset);
  const double grown = rest.back() - rest.front();
  look.grown = best.likelihood > flat + kGrewOnce && grown > fell ? grown : 0;
  return look;
}

}  // namespace soak::probe::fitting

// SPDX-License-Identifier: Apache-2.0
#include "lib/growth/look.h"

#include <Eigen/Core>
#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>
#include <optional>

#include "lib/growth/fitter.h"

namespace soak::probe::fitting {

namespace {

double student(double freedom, double confidence) {
  return boost::math::quantile(boost::math::complement(boost::math::students_t(freedom), (1 - confidence) / 2));
}

const Fit* best_of(const std::vector<Fit>& fits, bool (*counts)(const Fit&)) {
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
      if (form.kind != Kind::kLine && (with_cycle || form.kind != Kind::kCycle)) {
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
  std::optional<Fitter> fitter;
  for (int round = 0;; ++round) {
    fitter.emplace(series, frequencies, limits);
    fitter->search();
    if (round == kPeakRounds) {
      break;
    }
    const Fit* best = best_of(fitter->at_rest(), [](const Fit&) { return true; });
    const Fit* growing = best_of(fitter->growing(), [](const Fit&) { return true; });
    best = growing != nullptr && growing->likelihood > best->likelihood ? growing : best;
    const std::vector<int> gone = peaks(fitter->residuals(*best), frequencies);
    if (gone.empty() || frequencies.size() - gone.size() < kCoefficients / 2) {
      break;
    }
    std::erase_if(frequencies, [&](int j) { return std::find(gone.begin(), gone.end(), j) != gone.end(); });
  }
  fitter->refine();

  const Fit& rests = *best_of(fitter->at_rest(), [](const Fit&) { return true; });
  const Fit* grows = best_of(fitter->growing(), [](const Fit& fit) { return fit.is_growth; });
  const Fit* falls = best_of(fitter->growing(), [](const Fit& fit) { return fit.slope <= 0; });
  const double other = std::max(rests.likelihood, falls != nullptr ? falls->likelihood : -kInfinity);
  const double most = std::max(other, grows != nullptr ? grows->likelihood : -kInfinity);
  bool any = false;
  double least = kInfinity;
  for (const Fit& fit : fitter->growing()) {
    if (fit.likelihood < most - kPlausible || !(fit.is_growth || fit.slope <= 0)) {
      continue;
    }
    const double margin = student(fit.freedom, options.confidence) * fit.error;
    look.low = any ? std::min(look.low, fit.slope - margin) : fit.slope - margin;
    look.high = any ? std::max(look.high, fit.slope + margin) : fit.slope + margin;
    least = std::min(least, fit.slope - student(fit.freedom, kSure) * fit.error);
    any = true;
  }
  if (!any || rests.likelihood > most - kPlausible) {
    look.low = std::min(look.low, 0.0);
    look.high = std::max(look.high, 0.0);
  }
  if (grows != nullptr) {
    look.slope = grows->likelihood > other ? grows->slope : 0;
    look.evidence = grows->likelihood - other;
    look.sure = any && least > 0 && grows->onset <= kOnsetMax + 0.01;
    look.onset = look.onset_earliest = look.onset_latest = grows->onset;
    for (const Fit& fit : fitter->growing()) {
      if (fit.is_growth && fit.likelihood > grows->likelihood - kPlausible) {
        look.onset_earliest = std::min(look.onset_earliest, fit.onset);
        look.onset_latest = std::max(look.onset_latest, fit.onset);
      }
    }
  }
  if (falls != nullptr && falls->likelihood == most) {
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
  std::vector<const Fit*> likeliest(look.excluded.size(), nullptr);
  for (const Fit& fit : fitter->growing()) {
    const auto i = std::min(static_cast<std::size_t>(std::lround(fit.onset / 0.05)), look.excluded.size() - 1);
    if (fit.free_likelihood > best_free - kNotExcluded) {
      look.excluded[i].rate =
          std::max(look.excluded[i].rate, fit.slope + student(fit.freedom, options.confidence) * fit.error);
    }
    if (likeliest[i] == nullptr || fit.free_likelihood > likeliest[i]->free_likelihood) {
      likeliest[i] = &fit;
    }
  }
  if (rests.likelihood > most - kPlausible) {
    // Rest is plausible. Then so are all slopes since the start that are not excluded, whatever the line costs.
    for (const Fit& fit : fitter->growing()) {
      if (fit.onset == 0 && fit.free_likelihood > best_free - kPlausible) {
        const double margin = student(fit.freedom, options.confidence) * fit.error;
        look.low = std::min(look.low, fit.slope - margin);
        look.high = std::max(look.high, fit.slope + margin);
      }
    }
  }
  double highest = 0;
  for (std::size_t i = 0; i < look.excluded.size(); ++i) {
    // Where no line is plausible, because another form explains the growth: what a line could hide in its error.
    const Fit* const fit = likeliest[i];
    const double hidden = fit == nullptr ? kInfinity
                          : fit->free_likelihood > best_free - kNotExcluded
                              ? 0
                              : student(fit->freedom, options.confidence) * fit->error;
    highest = std::max({highest, look.excluded[i].rate, hidden});
    look.excluded[i].rate = highest;
  }

  look.slope = std::clamp(look.slope, look.low, look.high);

  const Fit& best = grows != nullptr && grows->likelihood > rests.likelihood ? *grows : rests;
  const std::vector<double> rest = part_at_rest(series, best, false);
  look.rested = rest_of(series, rest);
  double flat = -kInfinity;
  for (const Fit& fit : fitter->at_rest()) {
    if (fit.forms.empty()) {
      flat = std::max(flat, fit.likelihood);
    }
  }
  look.grown = best.likelihood > flat + kGrewOnce ? rest.back() - rest.front() : 0;
  return look;
}

}  // namespace soak::probe::fitting

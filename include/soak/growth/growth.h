// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_GROWTH_GROWTH_H_
#define SOAK_GROWTH_GROWTH_H_

// Detects whether a series keeps growing. It is a pure function of the points, so a running run, a report, a CSV file
// and a resumed run all get the same answer.
//
// Warm-up, caches that fill and high-water marks that ratchet upwards grow too, but they slow down; a leak does not. So
// the series is fitted twice. First with forms that slow down: an approach c (1 - exp(-x/tau)), a logarithm d log(1 +
// x/s), and both together, each with or without one step up. Then with the same forms plus a line b x. tau and s go up
// to `slow_scale` or a third of the observed span, whichever is longer; in a finished run, up to a third of the span.
// Growth is certain when two conditions hold. The best form with the line is exp(7) times as likely as the best without
// it, after a penalty for its parameters (AICc; Hurvich and Tsai 1989). And the 99.9% interval of b, over all plausible
// forms, lies above zero; this excludes a staircase whose steps become rarer, which a line fits although it may have
// stopped. Once the span exceeds ten times `slow_scale`, the first tenth is left out: growth that stops within it is
// too short for the forms.
//
// Noise is correlated from point to point. So only the lowest frequencies are fitted: 20 cosine transforms of 48 block
// medians, in which noise with a short memory is white (Mueller and Watson, "Low-Frequency Econometrics", 2017). Noise
// with a spectrum of f^-1 or f^-2 (a random walk) is among the forms. A frequency that stands out is periodic (a
// sawtooth, a timer) and is left out.
//
// The series is looked at repeatedly, each look 10% later than the one before, at times that do not depend on how many
// points were kept. Once certain, growth stays certain. A likelihood ratio of 1/alpha is ever exceeded with a
// probability of at most alpha (Ville's inequality; Howard, Ramdas 2021): 0.1% here, for forms known in advance. For
// fitted forms, the rate over all looks at a run is measured, on noise and on shapes that it was not developed for.
// docs/verdict.md sums it up; bench/detector-results.md has the tables, which bench/detector_study prints.

#include <cstddef>
#include <optional>
#include <span>

namespace soak::probe {

struct Observation {
  double x = 0;  // Seconds, or operations; ascending.
  double value = 0;
};

struct GrowthOptions {
  double slow_scale = 0;     // In units of x. Growth that slows down within this is never called a leak.
  double first_look = 0;     // In units of x, from the first point.
  double noise_floor = 0;    // Values closer than this count as equal.
  double small_rise = 0;     // Until slow_scale has passed, a smaller rise than this is never certain.
  double confidence = 0.99;  // Of the interval.
  std::size_t least_points = 24;
  bool ended = false;        // The series is complete: the last look uses a third of the span as the longest scale.
  bool latest_look = false;  // Take only the latest look, for a caller that calls repeatedly and keeps the results.
};

struct Growth {
  double slope = 0;    // Per unit of x.
  double low = 0;      // Its interval at `confidence`.
  double high = 0;     //
  double warm_up = 0;  // How long after the first point the approach to a level is within 5%; 0 if there is none.
  double since = 0;    // x at which the growth began.
  std::optional<double> certain_at;  // x at the look at which growth became certain.
};

// Returns nullopt if there are too few points. Values must be finite.
std::optional<Growth> find_growth(std::span<const Observation> points, const GrowthOptions& options);

}  // namespace soak::probe

#endif  // SOAK_GROWTH_GROWTH_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_GROWTH_GROWTH_H_
#define SOAK_GROWTH_GROWTH_H_

// Does a series grow, and for ever? A pure function of the points, so that whoever has them (a run that goes on, a
// report, a CSV file, a run that was resumed) is told the same.
//
// Warm-up, caches that fill and high-water marks that ratchet upwards grow as well, and slow down; a leak does not. So
// the series is fitted twice: by forms that come to rest, which are an approach c (1 - exp(-x/tau)), a growth that
// slows for ever d log(1 + x/s), both of them, each with or without one step upwards; and by the same forms with a line
// b x beside. tau and s are up to `slow_scale`, or a third of what was seen (of an ended run, a third). Growth is
// certain when the best form with the line is exp(7) times as likely as the best without it, its parameters paid for
// (AICc; Hurvich and Tsai 1989), and the 99.9% interval of b over all forms that are plausible lies above zero: a
// staircase that climbs more and more seldom is fitted by a line that could as well be none. From ten times
// `slow_scale` on, the first tenth of what was seen is left out: what comes to rest in it is too short for the forms.
//
// Noise has memory, and is not independent from point to point. So only the lowest frequencies are fitted, 20 cosine
// transforms of 48 block medians, in which noise of any short memory is white (Mueller and Watson, "Low-Frequency
// Econometrics", 2017); noise whose spectrum rises as f^-1 or f^-2, a random walk, is among the forms. A frequency that
// stands out is periodic (a sawtooth, a timer) and is left out.
//
// The series is looked at again and again, each look 10% later than the one before at places that do not depend on how
// many points were kept, and what was certain once stays so.
// A likelihood ratio of 1/alpha is exceeded at any time with a probability of at most alpha (Ville's inequality;
// Howard, Ramdas 2021), which is 0.1% here for forms known in advance. For fitted ones the rate over all looks of a run
// is measured, on noise and on shapes it was not made for: docs/verdict.md has the table, bench/detector_study prints
// it.

#include <cstddef>
#include <optional>
#include <span>

namespace soak::probe {

struct Observation {
  double x = 0;  // Seconds, or operations; ascending.
  double value = 0;
};

struct GrowthOptions {
  double slow_scale = 0;     // In units of x: what slows down within this is never taken for a leak.
  double first_look = 0;     // In units of x, from the first point.
  double noise_floor = 0;    // Values closer than this are the same.
  double small_rise = 0;     // Before slow_scale has passed, a rise by less than this is never certain.
  double confidence = 0.99;  // Of the interval.
  std::size_t least_points = 24;
  bool ended = false;  // Nothing more will come: the last look takes a third of what was seen for the longest scale.
  bool latest_look = false;  // Only the latest of the looks, for who comes again and again and remembers.
};

struct Growth {
  double slope = 0;    // Per unit of x.
  double low = 0;      // Its interval at the confidence asked for.
  double high = 0;     //
  double warm_up = 0;  // How long after the first point the approach to a level has come within 5%; 0 without one.
  double since = 0;    // x at which the growth began.
  std::optional<double> certain_at;  // x at the look at which it became certain that it grows.
};

// Empty with too few points. Values must be finite.
std::optional<Growth> find_growth(std::span<const Observation> points, const GrowthOptions& options);

}  // namespace soak::probe

#endif  // SOAK_GROWTH_GROWTH_H_

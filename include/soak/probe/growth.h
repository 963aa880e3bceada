// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PROBE_GROWTH_H_
#define SOAK_PROBE_GROWTH_H_

// Does a series grow, and for ever? A pure function of the points, so that whoever has them (a run that goes on, a
// report, a CSV file, a run that was resumed) is told the same.
//
// Warm-up, caches that fill and high-water marks that ratchet upwards grow as well, and slow down; a leak does not.
// So the series is fitted by a line b x beside what is no leak: an approach c (1 - exp(-x/tau)), a growth that slows
// for ever d log(1 + x/s) with d >= 0, and one step. tau and s are up to `slow_scale`, or a third of what was seen.
// Whichever of these forms the data do not rule out (a likelihood within exp(-kPlausible) of the best) is believed in:
// growth is certain when b > 0 in all of them, and the interval is the union of theirs.
//
// Noise has memory. The fit is of the lowest frequencies alone (20 cosine transforms of block medians), where noise of
// any short memory is flat, as in Mueller and Watson, "Low-Frequency Econometrics" (2017); a spectrum that rises as
// f^-1 or f^-2 (a random walk) is among the forms. There least squares and Student's t hold with few points.
//
// The series is looked at again and again, each look 12% later than the one before, and a leak once certain stays so.
// A look errs with at most 0.01 / 50, so all fifty between 5 minutes and 24 hours together with at most 1% (Bonferroni's
// bound). bench/detector_study measures what the rate really is.

#include <cstddef>
#include <optional>
#include <span>

namespace soak::probe {

struct Observation {
  double x = 0;  // Seconds, or operations; ascending.
  double value = 0;
};

struct GrowthOptions {
  double slow_scale = 0;       // In units of x: what slows down within this is never taken for a leak.
  double first_look = 0;       // In units of x, from the first point.
  double noise_floor = 0;      // Values closer than this are the same.
  double confidence = 0.99;    // Of the interval.
  std::size_t least_points = 24;
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

#endif  // SOAK_PROBE_GROWTH_H_

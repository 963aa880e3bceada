// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_GROWTH_METHOD_H_
#define SOAK_LIB_GROWTH_METHOD_H_

// The method
//
// A leak is growth that still goes on when the series ends. Two families of forms are fitted to all that was seen:
// forms that have come to rest by the end, and the same forms plus a line that begins at an onset and goes on to the
// end. The series grows if the best growing form is so much more likely than the best one at rest that chance does not
// explain it, after a penalty for parameters (AICc; Hurvich and Tsai 1989), and if the slope of every plausible growing
// form is certainly above zero. Slope and onset are part of the answer, with their uncertainty; so is the largest slope
// that is still plausible for each onset, which is what the series excludes.
//
// 1. Blocks. The series is cut into blocks of equal time (or equal numbers of operations), and each is represented by
//    its median. What is judged depends neither on how often the series was sampled nor on single outliers.
// 2. Frequencies. Noise is correlated from block to block. So only the lowest cosine coefficients of the medians are
//    fitted; in them, noise with a short memory is white (Mueller and Watson, "Low-Frequency Econometrics", 2017), and
//    noise with a spectrum of 1/f and 1/f^2 (a random walk) is among the models. A coefficient that stands out far from
//    the others is periodic (a sawtooth, a timer), and is left out.
// 3. Forms. Up to kFormsMax of the forms below are combined. They are searched greedily, with a beam, on a grid of
//    their scales; the best ones are then refined. Every fit that is visited and plausible counts for the intervals.
// 4. The interval of the slope is that of all forms that are not excluded, and of the growing part alone: what is lost
//    piece by piece is noise that begins with the leak.
// 5. A long series is looked at once more, at its last quarter alone (and at the last quarter of that): the whole of a
//    day has no frequencies in which its last hour could be seen.

#include <array>
#include <cstddef>
#include <limits>

namespace soak::probe::fitting {

// --- Blocks and frequencies

// In 20 coefficients of 48 blocks the last two hours of a day are missed; 32 coefficients accuse more clean series.
inline constexpr int kCoefficients = 24;
// Five times as many as coefficients. With fewer, a sawtooth of nearly the length of a block aliases into those
// coefficients.
inline constexpr std::size_t kBlocks = 128;
// A series with fewer points than this has a block for each: blocks of one and of two points in turn alias as well.
inline constexpr std::size_t kPointsPerBlockMin = 2;
// A block with less than this share of the usual number of points (beside a gap or a restart) is noisier than the
// others, and is left out.
inline constexpr double kFullBlock = 0.25;
// The standard deviation of what is rounded to steps of 1. Without this floor, quantised values that happen to lie on a
// line are certain to grow by a thousandth of a step.
inline constexpr double kRounding = 0.29;
// A series is rounded to steps that matter if so many of its values are exactly those before them. One that adds the
// same at every point has steps too, and no noise.
inline constexpr double kEqualMin = 0.1;
// Powers of the frequency that the amplitude of the noise falls with: white noise, 1/f noise, a random walk.
inline constexpr std::array<double, 3> kMemory = {0, 0.5, 1};
// A coefficient this many standard deviations (by their median) above the others is periodic. The lowest ones are the
// growth itself. At least half of the coefficients stay.
inline constexpr double kPeak = 3.5;
inline constexpr int kPeakFrequencyMin = 4;
inline constexpr int kPeakRounds = 2;
inline constexpr double kMedianToDeviation = 1.4826;
// Every segment but the first costs a coefficient. Of more segments, the longest are judged.
inline constexpr std::size_t kSegmentsMax = 6;
// Fewer points are not a segment, fewer points or blocks not a series, and fewer points in the last quarter not worth a
// look of its own: it needs as many blocks as the whole.
inline constexpr std::size_t kSegmentPointsMin = 4;
inline constexpr std::size_t kPointsMin = 8;
inline constexpr std::size_t kBlocksMin = 8;
inline constexpr std::size_t kSuffixPointsMin = 96;

// --- Forms. Positions and scales are shares of the span.

// A form at rest is at rest for at least the last tenth.
inline constexpr double kRestFrom = 0.9;
// The shortest scale that the blocks can show, and the longest that can be told from a line at its end. An approach may
// take longer than that while it may be warm-up (GrowthOptions::slow_scale).
inline constexpr double kScaleMin = 1.0 / 60;
inline constexpr double kScaleMax = 1.0 / 3;
// An approach of which more than this share of its first rate is left at the end has not been seen to slow down.
inline constexpr double kHardlySlows = 0.5;
// A slow approach from above, under a line, is a series that stands still. So slow forms only go up.
inline constexpr double kSlow = 0.1;
// A series of several cycles could be fitted by a Fourier series, as anything can. So a form has one cycle, of a period
// no longer than the span: what has not come back is no cycle. Beside growth, a cycle that is longer than about half
// the span is indistinguishable from it.
inline constexpr double kCyclesMin = 1.0;
inline constexpr double kCyclesMax = 6.0;
inline constexpr double kCyclesBesideGrowthMin = 1.0 / 0.55;
// A sawtooth (a collector, a buffer that is flushed) is no cosine, and three steps downwards cost too much. Two teeth
// are the fewest that can be told from growth. Of more than twelve, the lowest coefficients show nothing.
inline constexpr double kTeethMin = 2.0;
inline constexpr double kTeethMax = 12.0;
// Growth with steps or slopes downwards beside it is a sawtooth, unless it outgrows them by this factor.
inline constexpr double kOutgrows = 2;
inline constexpr int kFormsMax = 3;

// --- Decisions, in natural logarithms of likelihood ratios

// Growth is certain above this, plus ln(number of noisy series), which divides the rate of false alarms of a run among
// them. bench/detector_study measures the rate.
inline constexpr double kCertain = 5;
// A form this much less likely than the best is still plausible, when it is decided whether a series grows.
inline constexpr double kPlausible = 4;
// For what is reported, the interval and what is excluded, more is possible: with a margin of 4, an exclusion was false
// in 2% of leaks, with 6 in 1.0%, with 7 in 0.6%.
inline constexpr double kNotExcluded = 7;
// Nothing is lost so evenly that a line is its growth to better than this share.
inline constexpr double kUneven = 0.01;
// Of the interval that lies above zero when growth is certain.
inline constexpr double kSure = 0.999;
// Growth that began later than this was seen too briefly to be certain.
inline constexpr double kOnsetMax = 0.9;
// A run is long, and its last quarter is looked at alone, from this many times the slow scale on: the quarter then
// lasts three times as long as a warm-up.
inline constexpr double kLongRun = 12;
inline constexpr double kSuffix = 0.25;
// What is seen in the last quarter is growth only if its end stands above all that was before, by this share of what
// it grew, and of the range that the series had before. Else it is a tooth, or a part of a cycle.
inline constexpr double kAbove = 0.5;
inline constexpr double kLastLevel = 0.05;  // Of the last quarter: its median is the level at the end.
// The series has come to rest when what is left of its growth is less than this share.
inline constexpr double kRested = 0.05;
// Growth that is over is reported if it is this much more likely than none.
inline constexpr double kGrewOnce = 5;

// --- The search

inline constexpr std::size_t kBeamAtRest = 6;
inline constexpr std::size_t kBeamGrowing = 3;
inline constexpr std::size_t kOrdered = 64;  // Extensions that are tried for the beam, the likeliest first.
inline constexpr std::size_t kRefined = 6;   // Fits of each family that are refined.
inline constexpr int kRefinements = 4;
// The standard deviation of the logarithm of a scale before it is fitted: scales further off are fits of their own.
inline constexpr double kScaleKnown = 0.5;
inline constexpr double kLineCostMax = 4;  // What the slope and the onset cost a combination that is worth looking at.
inline constexpr std::size_t kWithLines = 3;  // Forms at rest to which lines are added once they are refined.
inline constexpr double kRidge = 1e-10;  // Added to the diagonal, relative to it, so that equal columns can be solved.
inline constexpr double kSameColumn = 1e-6;  // What is left of a column of norm 1 that is no more than rounding.

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace soak::probe::fitting

#endif  // SOAK_LIB_GROWTH_METHOD_H_

// SPDX-License-Identifier: Apache-2.0
#include "soak/growth/growth.h"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

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
// 4. A long series is looked at once more, at its last quarter alone (and at the last quarter of that): the whole of a
//    day has no frequencies in which its last hour could be seen.

namespace soak::probe {
namespace {

// --- Blocks and frequencies

// In 20 coefficients of 48 blocks the last two hours of a day are missed; 32 coefficients accuse more clean series.
constexpr int kCoefficients = 24;
// Five times as many as coefficients. With fewer, a sawtooth of nearly the length of a block aliases into those
// coefficients.
constexpr std::size_t kBlocks = 128;
// A series with fewer points than this has a block for each: blocks of one and of two points in turn alias as well.
constexpr std::size_t kPointsPerBlockMin = 2;
// A block with less than this share of the usual number of points (beside a gap or a restart) is noisier than the
// others, and is left out.
constexpr double kFullBlock = 0.25;
// The standard deviation of what is rounded to steps of 1. Without this floor, quantised values that happen to lie on a
// line are certain to grow by a thousandth of a step.
constexpr double kRounding = 0.29;
// A series is rounded to steps that matter if so many of its values are exactly those before them. One that adds the
// same at every point has steps too, and no noise.
constexpr double kEqualMin = 0.1;
// Powers of the frequency that the amplitude of the noise falls with: white noise, 1/f noise, a random walk.
constexpr std::array<double, 3> kMemory = {0, 0.5, 1};
// A coefficient this many standard deviations (by their median) above the others is periodic. The lowest ones are the
// growth itself. At least half of the coefficients stay.
constexpr double kPeak = 3.5;
constexpr int kPeakFrequencyMin = 4;
constexpr int kPeakRounds = 2;
constexpr double kMedianToDeviation = 1.4826;
// Every segment but the first costs a coefficient. Of more segments, the longest are judged.
constexpr std::size_t kSegmentsMax = 6;
// Fewer points are not a segment, fewer points or blocks not a series, and fewer points in the last quarter not worth a
// look of its own: it needs as many blocks as the whole.
constexpr std::size_t kSegmentPointsMin = 4;
constexpr std::size_t kPointsMin = 8;
constexpr std::size_t kBlocksMin = 8;
constexpr std::size_t kSuffixPointsMin = 96;

// --- Forms. Positions and scales are shares of the span.

// A form at rest is at rest for at least the last tenth.
constexpr double kRestFrom = 0.9;
// The shortest scale that the blocks can show, and the longest that can be told from a line at its end. An approach may
// take longer than that while it may be warm-up (GrowthOptions::slow_scale).
constexpr double kScaleMin = 1.0 / 60;
constexpr double kScaleMax = 1.0 / 3;
// A slow approach from above, under a line, is a series that stands still. So slow forms only go up.
constexpr double kSlow = 0.1;
// A series of several cycles could be fitted by a Fourier series, as anything can. So a form has one cycle, of a period
// no longer than the span: what has not come back is no cycle. Beside growth, a cycle that is longer than about half
// the span is indistinguishable from it.
constexpr double kCyclesMin = 1.0;
constexpr double kCyclesMax = 6.0;
constexpr double kCyclesBesideGrowthMin = 1.0 / 0.55;
// Growth with steps or slopes downwards beside it is a sawtooth, unless it outgrows them by this factor.
constexpr double kOutgrows = 2;
constexpr int kFormsMax = 3;

// --- Decisions, in natural logarithms of likelihood ratios

// Growth is certain above this, plus ln(number of noisy series), which divides the rate of false alarms of a run among
// them. bench/detector_study measures the rate.
constexpr double kCertain = 5;
// A form this much less likely than the best is still plausible. For the interval, and for what is excluded: with a
// margin of 4, an exclusion was false in 2% of leaks, with 6 in 0.6%.
constexpr double kPlausible = 4;
constexpr double kNotExcluded = 6;
// Of the interval that lies above zero when growth is certain.
constexpr double kSure = 0.999;
// Growth that began later than this was seen too briefly to be certain.
constexpr double kOnsetMax = 0.9;
// A run is long, and its last quarter is looked at alone, from this many times the slow scale on: the quarter then
// lasts three times as long as a warm-up.
constexpr double kLongRun = 12;
constexpr double kSuffix = 0.25;
// What is seen in the last quarter is growth only if its end stands above all that was before, by this share of what
// it grew, and of the range that the series had before. Else it is a tooth, or a part of a cycle.
constexpr double kAbove = 0.5;
constexpr double kLastLevel = 0.05;  // Of the last quarter: its median is the level at the end.
// The series has come to rest when what is left of its growth is less than this share.
constexpr double kRested = 0.05;
// Growth that is over is reported if it is this much more likely than none.
constexpr double kGrewOnce = 5;

// --- The search

constexpr std::size_t kBeamAtRest = 6;
constexpr std::size_t kBeamGrowing = 3;
constexpr std::size_t kOrdered = 64;  // Extensions that are tried for the beam, the likeliest first.
constexpr std::size_t kRefined = 6;   // Fits of each family that are refined.
constexpr int kRefinements = 4;
constexpr double kLineCostMax = 4;     // What the slope and the onset cost a combination that is worth looking at.
constexpr std::size_t kWithLines = 3;  // Forms at rest to which lines are added once they are refined.
constexpr double kRidge = 1e-10;       // Added to the diagonal, relative to it, so that equal columns can be solved.
constexpr double kSameColumn = 1e-6;   // What is left of a column of norm 1 that is no more than rounding.

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// --- 1. Blocks

struct Block {
  double u = 0;             // Where in the span, from 0 to 1.
  double since = 0;         // How much of the span after the beginning of its segment.
  std::size_t segment = 0;  // Which of the series.
  double value = 0;         // The median.
  std::size_t points = 0;
};

// A series as blocks.
struct Series {
  std::vector<Block> blocks;
  std::vector<double> offsets;  // The numbers of the segments, except the first, of which there is a block.
  double from = 0;              // x
  double span = 0;
  double noise_floor = 0;  // A standard deviation of a median: smaller noise cannot be seen.
};

double median_of(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return values.size() % 2 == 1 ? *middle : (*middle + *std::max_element(values.begin(), middle)) / 2;
}

// The smallest difference between two values, if the series is rounded to it; else 0.
double rounded_to(std::span<const Segment> segments) {
  double step = kInfinity;
  double equal = 0;
  double differences = 0;
  for (const Segment& points : segments) {
    for (std::size_t i = 1; i < points.size(); ++i) {
      const double difference = std::abs(points[i].value - points[i - 1].value);
      step = difference > 0 ? std::min(step, difference) : step;
      equal += difference > 0 ? 0 : 1;
      ++differences;
    }
  }
  return std::isfinite(step) && equal >= kEqualMin * differences ? step : 0;
}

Series series_of(std::span<const Segment> segments, double noise_floor) {
  Series series;
  series.from = segments.front().front().x;
  series.span = segments.back().back().x - series.from;
  const std::size_t count = std::accumulate(segments.begin(), segments.end(), std::size_t{0},
                                            [](std::size_t sum, const Segment& points) { return sum + points.size(); });
  const bool one_each = count < kPointsPerBlockMin * kBlocks;
  const auto index_of = [&](const Observation& point) {
    return std::min(static_cast<std::size_t>((point.x - series.from) / series.span * kBlocks), kBlocks - 1);
  };
  std::vector<double> values;
  std::vector<double> sizes;
  for (std::size_t s = 0; s < segments.size(); ++s) {
    const Segment& points = segments[s];
    for (std::size_t i = 0; i < points.size();) {
      const std::size_t index = index_of(points[i]);
      double x = 0;
      values.clear();
      do {
        x += points[i].x - series.from;
        values.push_back(points[i++].value);
      } while (!one_each && i < points.size() && index_of(points[i]) == index);
      x /= static_cast<double>(values.size());
      sizes.push_back(static_cast<double>(values.size()));
      series.blocks.push_back(
          {x / series.span, (x + series.from - points.front().x) / series.span, s, median_of(values), values.size()});
    }
  }
  const double usual = median_of(sizes);
  std::erase_if(series.blocks,
                [&](const Block& block) { return static_cast<double>(block.points) < kFullBlock * usual; });
  for (const Block& block : series.blocks) {
    const auto segment = static_cast<double>(block.segment);
    if (block.segment != series.blocks.front().segment &&
        (series.offsets.empty() || series.offsets.back() != segment)) {
      series.offsets.push_back(segment);
    }
  }
  series.noise_floor = std::max(noise_floor / std::sqrt(usual), kRounding * rounded_to(segments));
  return series;
}

// --- 3. Forms

enum class Kind {
  kLine,       // From `a` to the end: growth.
  kApproach,   // 1 - exp(-x / a)
  kSlowing,    // log(1 + x / a)
  kHyperbola,  // x / (x + a)
  kStep,       // At `a`.
  kFill,       // Even growth until `a`.
  kRamp,       // Even growth from `a` to `b`.
  kS,          // A logistic curve around `a`, of the scale `b`.
  kLate,       // An approach that begins at `a`, of the scale `b`.
  kCycle,      // `a` cycles in the span: a sine and a cosine.
};

struct Form {
  Kind kind = Kind::kLine;
  double a = 0;
  double b = 0;
};

// Parameters: the amplitude; its scale; and the place, which is one of many, so it counts twice.
double cost_of(const Form& form) {
  switch (form.kind) {
    case Kind::kLine:
      return form.a > 0 ? 2 : 1;
    case Kind::kApproach:
    case Kind::kSlowing:
    case Kind::kHyperbola:
      return 2;
    case Kind::kStep:
    case Kind::kFill:
      return 3;
    case Kind::kRamp:
    case Kind::kS:
    case Kind::kLate:
    case Kind::kCycle:
      return 4;
  }
  return 0;
}

int columns_of(const Form& form) { return form.kind == Kind::kCycle ? 2 : 1; }

bool only_upwards(const Form& form) {
  return form.kind == Kind::kSlowing ||
         ((form.kind == Kind::kApproach || form.kind == Kind::kHyperbola) && form.a > kSlow);
}

// The value of a form in a block; of a cycle, of its sine or of its cosine. What a process does when it starts, it does
// in every segment.
double value_of(const Form& form, const Block& block, bool cosine) {
  const double u = block.u;
  const double since = block.since;
  switch (form.kind) {
    case Kind::kLine:
      return std::max(u - form.a, 0.0);
    case Kind::kApproach:
      return -std::expm1(-since / form.a);
    case Kind::kSlowing:
      return std::log1p(since / form.a);
    case Kind::kHyperbola:
      return since / (since + form.a);
    case Kind::kStep:
      return u >= form.a ? 1.0 : 0.0;
    case Kind::kFill:
      return std::min(since, form.a);
    case Kind::kRamp:
      return std::clamp(u, form.a, form.b);
    case Kind::kS:
      return 1 / (1 + std::exp((form.a - u) / form.b));
    case Kind::kLate:
      return u < form.a ? 0.0 : -std::expm1((form.a - u) / form.b);
    case Kind::kCycle: {
      const double angle = 2 * std::numbers::pi * form.a * u;
      return cosine ? std::cos(angle) : std::sin(angle);
    }
  }
  return 0;
}

// What the forms that begin with every segment can take at most: the scale of slow ones, and the time of a fill. A
// process that was restarted before it could come to rest has not.
struct Limits {
  double scale = kScaleMax;
  double fill = kRestFrom;
};

// Whether the parameters are those of a form that is at rest in time and can be told from others.
bool is_in_range(const Form& form, const Limits& limits) {
  const bool scale = form.a >= kScaleMin / 2 && form.a <= limits.scale;
  switch (form.kind) {
    case Kind::kLine:
      return form.a >= 0 && form.a <= 0.97;
    case Kind::kApproach:
    case Kind::kSlowing:
    case Kind::kHyperbola:
      return scale;
    case Kind::kStep:
      return form.a > 0 && form.a < 1;
    case Kind::kFill:
      return form.a >= 0.01 && form.a <= limits.fill;
    case Kind::kRamp:
      return form.a >= 0 && form.b >= form.a + 0.02 && form.b <= kRestFrom;
    case Kind::kS:
      return form.b >= 0.01 && form.a + 3 * form.b <= kRestFrom && form.a > 0;
    case Kind::kLate:
      return form.a >= 0 && form.b >= 0.01 && form.a + 3 * form.b <= 1;
    case Kind::kCycle:
      return form.a >= kCyclesMin && form.a <= kCyclesMax;
  }
  return false;
}

// The grid that is searched.
std::vector<Form> grid_of(const Limits& limits) {
  std::vector<Form> forms;
  for (int i = 0; i < 19; ++i) {
    forms.push_back({Kind::kLine, 0.05 * i});
  }
  forms.push_back({Kind::kLine, 0.93});
  forms.push_back({Kind::kLine, 0.96});
  constexpr int kScales = 10;
  for (int i = 0; i < kScales; ++i) {
    const double scale = kScaleMin * std::pow(limits.scale / kScaleMin, i / (kScales - 1.0));
    forms.push_back({Kind::kApproach, scale});
    forms.push_back({Kind::kSlowing, scale});
    forms.push_back({Kind::kHyperbola, scale});
  }
  for (double at = 0.0125; at < 0.99; at += 0.025) {
    forms.push_back({Kind::kStep, at});
  }
  for (double until = 0.02; until < limits.fill + 0.01; until += until < 0.1 ? 0.4 * until : 0.05) {
    forms.push_back({Kind::kFill, std::min(until, limits.fill)});
  }
  for (double begin = 0.05; begin < 0.8; begin += 0.075) {
    for (double end = begin + 0.075; end < kRestFrom + 0.01; end += 0.075) {
      forms.push_back({Kind::kRamp, begin, std::min(end, kRestFrom)});
    }
  }
  for (const double scale : {0.015, 0.03, 0.06, 0.12}) {
    for (double middle = 0.05; middle + 3 * scale <= kRestFrom; middle += 0.075) {
      forms.push_back({Kind::kS, middle, scale});
    }
    for (double begin = 0.05; begin + 3 * scale <= 1; begin += 0.075) {
      forms.push_back({Kind::kLate, begin, scale});
    }
  }
  for (double cycles = kCyclesMin; cycles <= kCyclesMax; cycles += 0.25) {
    forms.push_back({Kind::kCycle, cycles});
  }
  return forms;
}

// A combination of forms, fitted.
struct Fit {
  std::vector<Form> forms;              // The line first, if there is one.
  std::size_t memory = 0;               // Which of kMemory.
  double likelihood = -kInfinity;       // Its logarithm, less what the parameters cost.
  double free_likelihood = -kInfinity;  // The same, without what the line costs.
  double slope = 0;                     // Of the line, per span.
  double error = 0;                     // Its standard error.
  double freedom = 1;
  double onset = 0;                // Of the line.
  bool is_growth = false;          // The line goes up, and outgrows what falls beside it.
  std::vector<double> amplitudes;  // Of the columns.
};

// --- 2. Frequencies

// The operators that turn a function of the blocks into its weighted coefficients, one for each model of the noise.
class Transform {
 public:
  Transform(const Series& series, const std::vector<int>& frequencies) {
    const auto rows = static_cast<Eigen::Index>(frequencies.size());
    const auto blocks = static_cast<Eigen::Index>(series.blocks.size());
    Eigen::MatrixXd cosines(rows, blocks);
    for (Eigen::Index j = 0; j < rows; ++j) {
      for (Eigen::Index b = 0; b < blocks; ++b) {
        cosines(j, b) = std::sqrt(2.0 / static_cast<double>(blocks)) *
                        std::cos(std::numbers::pi * frequencies[static_cast<std::size_t>(j)] *
                                 (static_cast<double>(b) + 0.5) / static_cast<double>(blocks));
      }
    }
    Eigen::MatrixXd offsets(blocks, static_cast<Eigen::Index>(series.offsets.size()));
    for (Eigen::Index o = 0; o < offsets.cols(); ++o) {
      for (Eigen::Index b = 0; b < blocks; ++b) {
        const Block& block = series.blocks[static_cast<std::size_t>(b)];
        offsets(b, o) = static_cast<double>(block.segment) == series.offsets[static_cast<std::size_t>(o)] ? 1 : 0;
      }
    }
    for (const double memory : kMemory) {
      Eigen::VectorXd weights(rows);
      for (Eigen::Index j = 0; j < rows; ++j) {
        weights(j) = std::pow(frequencies[static_cast<std::size_t>(j)], memory);
      }
      Model model;
      model.transform = weights.asDiagonal() * cosines;
      model.constant = weights.array().log().sum();
      model.least = series.noise_floor * series.noise_floor * weights.squaredNorm() / static_cast<double>(rows);
      if (offsets.cols() > 0) {
        // The levels of the segments are of no interest, and are projected out.
        const Eigen::HouseholderQR<Eigen::MatrixXd> decomposed(model.transform * offsets);
        const Eigen::MatrixXd q = decomposed.householderQ() * Eigen::MatrixXd::Identity(rows, offsets.cols());
        model.constant -= decomposed.matrixQR().diagonal().head(offsets.cols()).array().abs().log().sum();
        model.transform -= q * (q.transpose() * model.transform);
      }
      models_.push_back(std::move(model));
    }
    rows_ = static_cast<double>(rows - offsets.cols());
  }

  double rows() const { return rows_; }
  const Eigen::MatrixXd& transform(std::size_t memory) const { return models_[memory].transform; }

  // What a fit that leaves these squares is worth. The parameters of the noise and of the forms cost what they gain by
  // chance: Akaike's criterion, as Hurvich and Tsai correct it for few data.
  double likelihood(std::size_t memory, double squares, double cost) const {
    const Model& model = models_[memory];
    const double parameters = 1 + cost;
    if (parameters > rows_ - 3) {
      return -kInfinity;
    }
    return model.constant - rows_ / 2 * std::log(std::max(squares / rows_, model.least)) -
           parameters * rows_ / (rows_ - parameters - 1);
  }

  double deviation(std::size_t memory, double squares, double freedom) const {
    return std::sqrt(std::max(squares / freedom, models_[memory].least));
  }

 private:
  struct Model {
    Eigen::MatrixXd transform;
    double constant = 0;  // Of the likelihood.
    double least = 0;     // Variance.
  };

  std::vector<Model> models_;
  double rows_ = 0;
};

Eigen::VectorXd column(const Series& series, const Form& form, bool cosine) {
  Eigen::VectorXd values(static_cast<Eigen::Index>(series.blocks.size()));
  for (std::size_t b = 0; b < series.blocks.size(); ++b) {
    values(static_cast<Eigen::Index>(b)) = value_of(form, series.blocks[b], cosine);
  }
  return values;
}

// --- 3. The search

// Searches and fits the forms of one series.
class Fitter {
 public:
  Fitter(const Series& series, const std::vector<int>& frequencies, const Limits& limits)
      : series_(series), limits_(limits), transform_(series, frequencies), grid_(grid_of(limits)) {
    values_.resize(static_cast<Eigen::Index>(series.blocks.size()));
    for (std::size_t b = 0; b < series.blocks.size(); ++b) {
      values_(static_cast<Eigen::Index>(b)) = series.blocks[b].value - series.blocks.front().value;
    }
    Eigen::Index columns = 0;
    for (const Form& form : grid_) {
      first_column_.push_back(columns);
      columns += columns_of(form);
    }
    raw_.resize(values_.size(), columns);
    for (std::size_t f = 0; f < grid_.size(); ++f) {
      for (int c = 0; c < columns_of(grid_[f]); ++c) {
        raw_.col(first_column_[f] + c) = column(series, grid_[f], c == 1);
      }
    }
    ranges_ = raw_.colwise().maxCoeff() - raw_.colwise().minCoeff();
  }

  void search() {
    at_rest_.clear();
    growing_.clear();
    best_free_ = -kInfinity;
    for (std::size_t memory = 0; memory < kMemory.size(); ++memory) {
      prepare(memory);
      visit({root_}, kBeamAtRest);
      for (std::size_t f = 0; f < grid_.size() && grid_[f].kind == Kind::kLine; ++f) {
        if (norms_(first_column_[f]) > 0) {
          Node node = extended(root_, f);
          keep(fit_of(node, std::nullopt, likelihood_of(node)));
          visit({std::move(node)}, kBeamGrowing);
        }
      }
    }
  }

  // Moves the parameters of the best fits from the grid to where they fit best. The best forms at rest are then tried
  // with a line from every onset too: what is excluded, and the interval, are those of the forms that fit best.
  void refine() {
    refine(at_rest_);
    std::partial_sort(at_rest_.begin(),
                      at_rest_.begin() + static_cast<std::ptrdiff_t>(std::min(kWithLines, at_rest_.size())),
                      at_rest_.end(), [](const Fit& a, const Fit& b) { return a.likelihood > b.likelihood; });
    for (std::size_t i = 0; i < std::min(kWithLines, at_rest_.size()); ++i) {
      for (const Form& line : grid_) {
        if (line.kind == Kind::kLine) {
          std::vector<Form> forms = {line};
          forms.insert(forms.end(), at_rest_[i].forms.begin(), at_rest_[i].forms.end());
          keep(solve(forms, at_rest_[i].memory));
        }
      }
    }
    refine(growing_);
  }

  const std::vector<Fit>& at_rest() const { return at_rest_; }
  const std::vector<Fit>& growing() const { return growing_; }

  // What a fit leaves of the coefficients, weighted.
  Eigen::VectorXd residuals(const Fit& fit) const {
    Eigen::VectorXd left;
    solve(fit.forms, fit.memory, &left);
    return left;
  }

 private:
  // A combination of forms whose columns have been made orthogonal to each other, and what is left of the others then.
  struct Node {
    std::vector<std::size_t> forms;      // Of the grid.
    std::vector<Eigen::Index> columns;   // All of theirs.
    std::vector<Eigen::VectorXd> along;  // The share of every column in each of the orthogonal directions.
    std::vector<double> heights;         // Of the series, along each of them.
    Eigen::VectorXd norms;               // Squared, of what is left of every column.
    Eigen::VectorXd products;            // Of what is left of every column with the series.
    double squares = 0;                  // Of what is left of the series.
    double cost = 0;
  };

  void prepare(std::size_t memory) {
    memory_ = memory;
    Eigen::MatrixXd columns = transform_.transform(memory) * raw_;
    const Eigen::VectorXd y = transform_.transform(memory) * values_;
    norms_ = columns.colwise().norm();
    for (Eigen::Index c = 0; c < columns.cols(); ++c) {
      if (norms_(c) > kRidge * ranges_(c)) {
        columns.col(c) /= norms_(c);
      } else {
        columns.col(c).setZero();
        norms_(c) = 0;
      }
    }
    gram_.noalias() = columns.transpose() * columns;
    root_ = Node{};
    root_.norms = gram_.diagonal();
    root_.products = columns.transpose() * y;
    root_.squares = y.squaredNorm();
  }

  double likelihood_of(const Node& node) const { return transform_.likelihood(memory_, node.squares, node.cost); }

  void add_column(Node& node, Eigen::Index c) const {
    Eigen::VectorXd direction = gram_.col(c);
    for (const Eigen::VectorXd& other : node.along) {
      direction -= other(c) * other;
    }
    const double norm = std::sqrt(std::max(node.norms(c), kRidge));
    direction /= norm;
    const double height = node.products(c) / norm;
    node.norms -= direction.cwiseAbs2();
    node.products -= height * direction;
    node.squares = std::max(node.squares - height * height, 0.0);
    node.heights.push_back(height);
    node.along.push_back(std::move(direction));
    node.columns.push_back(c);
  }

  Node extended(const Node& node, std::size_t form) const {
    Node next = node;
    next.forms.push_back(form);
    next.cost += cost_of(grid_[form]);
    for (int c = 0; c < columns_of(grid_[form]); ++c) {
      add_column(next, first_column_[form] + c);
    }
    return next;
  }

  bool can_extend(const Node& node, std::size_t form) const {
    const auto cycles = [&](std::size_t f) { return grid_[f].kind == Kind::kCycle; };
    const bool one_cycle = !cycles(form) || std::none_of(node.forms.begin(), node.forms.end(), cycles);
    return grid_[form].kind != Kind::kLine && one_cycle &&
           std::find(node.forms.begin(), node.forms.end(), form) == node.forms.end();
  }

  // The squares that a form would explain of what a node leaves. Empty if its columns are those of the node already.
  std::optional<double> gain(const Node& node, std::size_t form) const {
    const Eigen::Index c = first_column_[form];
    const double norm = node.norms(c);
    if (norm < kSameColumn) {
      return std::nullopt;
    }
    const double product = node.products(c);
    if (columns_of(grid_[form]) == 1) {
      return product * product / norm;
    }
    double both = gram_(c, c + 1);
    for (const Eigen::VectorXd& direction : node.along) {
      both -= direction(c) * direction(c + 1);
    }
    const double other = node.norms(c + 1);
    const double determinant = norm * other - both * both;
    if (determinant < kSameColumn) {
      return std::nullopt;
    }
    const double other_product = node.products(c + 1);
    return (product * product * other - 2 * product * other_product * both + other_product * other_product * norm) /
           determinant;
  }

  struct Candidate {
    std::size_t node = 0;
    std::size_t form = 0;
    double likelihood = 0;
  };

  bool is_plausible(const Candidate& candidate) const {
    return candidate.likelihood + kLineCostMax > best_free_ - kNotExcluded;
  }

  // Extends the nodes by one form after the other, and keeps what is plausible of all that it visits.
  void visit(std::vector<Node> nodes, std::size_t beam) {
    if (nodes.front().forms.empty()) {
      keep(fit_of(nodes.front(), std::nullopt, likelihood_of(nodes.front())));
    }
    for (int depth = 0; depth < kFormsMax; ++depth) {
      std::vector<Candidate> candidates;
      for (std::size_t n = 0; n < nodes.size(); ++n) {
        for (std::size_t f = 0; f < grid_.size(); ++f) {
          const std::optional<double> explained = can_extend(nodes[n], f) ? gain(nodes[n], f) : std::nullopt;
          if (explained) {
            candidates.push_back({n, f,
                                  transform_.likelihood(memory_, std::max(nodes[n].squares - *explained, 0.0),
                                                        nodes[n].cost + cost_of(grid_[f]))});
          }
        }
      }
      std::erase_if(candidates, [](const Candidate& candidate) { return !std::isfinite(candidate.likelihood); });
      // Only the best are needed in order; of the others, those that are plausible count for the intervals.
      const auto better = [](const Candidate& a, const Candidate& b) { return a.likelihood > b.likelihood; };
      const auto ordered = candidates.begin() + static_cast<std::ptrdiff_t>(std::min(kOrdered, candidates.size()));
      std::partial_sort(candidates.begin(), ordered, candidates.end(), better);
      candidates.erase(std::remove_if(ordered, candidates.end(), [&](const Candidate& c) { return !is_plausible(c); }),
                       candidates.end());
      // The best of each combination of kinds goes on; its neighbours on the grid would fill the beam.
      std::vector<std::uint64_t> kinds;
      std::vector<Node> next;
      for (const Candidate& candidate : candidates) {
        const Node& node = nodes[candidate.node];
        if (next.size() == beam && !is_plausible(candidate)) {
          continue;
        }
        const bool valid = keep(fit_of(node, candidate.form, candidate.likelihood));
        const std::uint64_t kind = kinds_of(node, candidate.form);
        if (valid && next.size() < beam && std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
          kinds.push_back(kind);
          next.push_back(extended(node, candidate.form));
        }
      }
      nodes = std::move(next);
    }
  }

  // A number for the kinds of forms of a combination.
  std::uint64_t kinds_of(const Node& node, std::size_t form) const {
    std::uint64_t sum = std::uint64_t{1} << (4 * static_cast<unsigned>(grid_[form].kind));
    for (const std::size_t f : node.forms) {
      sum += std::uint64_t{1} << (4 * static_cast<unsigned>(grid_[f].kind));
    }
    return sum;
  }

  // Solves for the amplitudes of the forms of a node and of one more.
  Fit fit_of(const Node& node, std::optional<std::size_t> form, double likelihood) const {
    constexpr std::size_t kMost = 2 * (kFormsMax + 1);
    std::array<std::array<double, kMost>, kMost> upper{};
    std::array<double, kMost> heights{};
    std::size_t count = node.columns.size();
    for (std::size_t i = 0; i < count; ++i) {
      heights[i] = node.heights[i];
      for (std::size_t j = i; j < count; ++j) {
        upper[i][j] = node.along[i](node.columns[j]);
      }
    }
    double squares = node.squares;
    double cost = node.cost;
    Fit fit;
    for (const std::size_t f : node.forms) {
      fit.forms.push_back(grid_[f]);
    }
    std::array<Eigen::Index, kMost> columns{};
    std::copy(node.columns.begin(), node.columns.end(), columns.begin());
    if (form) {
      fit.forms.push_back(grid_[*form]);
      cost += cost_of(grid_[*form]);
      const Eigen::Index first = first_column_[*form];
      double norm = node.norms(first);
      double product = node.products(first);
      for (int c = 0; c < columns_of(grid_[*form]); ++c) {
        for (std::size_t i = 0; i < node.columns.size(); ++i) {
          upper[i][count] = node.along[i](first + c);
        }
        if (c == 1) {
          double both = gram_(first, first + 1);
          for (const Eigen::VectorXd& direction : node.along) {
            both -= direction(first) * direction(first + 1);
          }
          upper[count - 1][count] = both / upper[count - 1][count - 1];
          norm = node.norms(first + 1) - upper[count - 1][count] * upper[count - 1][count];
          product = node.products(first + 1) - upper[count - 1][count] * heights[count - 1];
        }
        upper[count][count] = std::sqrt(std::max(norm, kRidge));
        heights[count] = product / upper[count][count];
        squares -= heights[count] * heights[count];
        columns[count++] = first + c;
      }
    }
    fit.amplitudes.resize(count);
    for (std::size_t i = count; i-- > 0;) {
      double sum = heights[i];
      for (std::size_t j = i + 1; j < count; ++j) {
        sum -= upper[i][j] * fit.amplitudes[j];
      }
      fit.amplitudes[i] = sum / upper[i][i];
    }
    // The first row of the inverse: how the noise of the coefficients gets into the slope.
    std::array<double, kMost> row{};
    double row_squares = 0;
    for (std::size_t j = 0; j < count; ++j) {
      double sum = j == 0 ? 1 : 0;
      for (std::size_t i = 0; i < j; ++i) {
        sum -= row[i] * upper[i][j];
      }
      row[j] = sum / upper[j][j];
      row_squares += row[j] * row[j];
    }
    for (std::size_t i = 0; i < count; ++i) {
      fit.amplitudes[i] /= norms_(columns[i]) > 0 ? norms_(columns[i]) : 1;
    }
    fit.memory = memory_;
    fit.likelihood = likelihood;
    fit.freedom = std::max(transform_.rows() - cost, 1.0);
    if (!fit.forms.empty() && fit.forms.front().kind == Kind::kLine) {
      fit.error = transform_.deviation(memory_, std::max(squares, 0.0), fit.freedom) * std::sqrt(row_squares) /
                  norms_(columns[0]);
      fit.free_likelihood = transform_.likelihood(memory_, std::max(squares, 0.0), cost - cost_of(fit.forms.front()));
    } else {
      fit.free_likelihood = likelihood;
    }
    return fit;
  }

  // Whether the amplitudes have the signs that the forms may have; fills in what the fit says of growth.
  bool examine(Fit& fit) const {
    double falls = 0;
    bool long_cycle = false;
    std::size_t c = 0;
    for (const Form& form : fit.forms) {
      const double amplitude = fit.amplitudes[c];
      if (form.kind == Kind::kLine) {
        fit.slope = amplitude;
        fit.onset = form.a;
      } else if (only_upwards(form) && amplitude < 0) {
        return false;
      } else if (form.kind == Kind::kCycle) {
        long_cycle = form.a < kCyclesBesideGrowthMin;
      } else if (amplitude < 0) {
        falls -= amplitude * range_of(form);
      }
      c += static_cast<std::size_t>(columns_of(form));
    }
    fit.is_growth = fit.slope > 0 && !long_cycle && fit.slope * (1 - fit.onset) >= kOutgrows * falls;
    return true;
  }

  // By how much a form changes over the span.
  static double range_of(const Form& form) {
    switch (form.kind) {
      case Kind::kFill:
        return form.a;
      case Kind::kRamp:
        return form.b - form.a;
      default:
        return 1;
    }
  }

  bool keep(Fit fit) {
    if (!examine(fit)) {
      return false;
    }
    const bool line = !fit.forms.empty() && fit.forms.front().kind == Kind::kLine;
    best_free_ = std::max(best_free_, fit.free_likelihood);
    const bool valid = !line || fit.is_growth || fit.slope <= 0;
    (line ? growing_ : at_rest_).push_back(std::move(fit));
    return valid;
  }

  // Least squares of forms that need not be on the grid.
  Fit solve(const std::vector<Form>& forms, std::size_t memory, Eigen::VectorXd* left = nullptr) const {
    const Eigen::MatrixXd& transform = transform_.transform(memory);
    int count = 0;
    double cost = 0;
    for (const Form& form : forms) {
      count += columns_of(form);
      cost += cost_of(form);
    }
    Fit fit;
    fit.forms = forms;
    fit.memory = memory;
    fit.freedom = std::max(transform_.rows() - cost, 1.0);
    Eigen::VectorXd y = transform * values_;
    double first = 0;
    if (count > 0) {
      Eigen::MatrixXd columns(values_.size(), count);
      Eigen::Index next = 0;
      for (const Form& form : forms) {
        for (int c = 0; c < columns_of(form); ++c) {
          columns.col(next++) = column(series_, form, c == 1);
        }
      }
      Eigen::MatrixXd design = transform * columns;
      Eigen::VectorXd scale = design.colwise().norm().transpose();
      for (Eigen::Index c = 0; c < count; ++c) {
        scale(c) = scale(c) > 0 ? scale(c) : 1;
        design.col(c) /= scale(c);
      }
      const Eigen::MatrixXd normal = design.transpose() * design + Eigen::MatrixXd::Identity(count, count) * kRidge;
      const Eigen::LDLT<Eigen::MatrixXd> decomposed(normal);
      const Eigen::VectorXd solved = decomposed.solve(design.transpose() * y);
      first = std::max(decomposed.solve(Eigen::VectorXd::Unit(count, 0))(0), 0.0) / (scale(0) * scale(0));
      y -= design * solved;
      for (Eigen::Index c = 0; c < count; ++c) {
        fit.amplitudes.push_back(solved(c) / scale(c));
      }
    }
    const double squares = y.squaredNorm();
    fit.likelihood = transform_.likelihood(memory, squares, cost);
    fit.free_likelihood = fit.likelihood;
    if (!forms.empty() && forms.front().kind == Kind::kLine) {
      fit.free_likelihood = transform_.likelihood(memory, squares, cost - cost_of(forms.front()));
      fit.error = transform_.deviation(memory, squares, fit.freedom) * std::sqrt(first);
    }
    if (left != nullptr) {
      *left = y;
    }
    return fit;
  }

  void refine(std::vector<Fit>& fits) {
    const std::size_t count = std::min(kRefined, fits.size());
    std::partial_sort(fits.begin(), fits.begin() + static_cast<std::ptrdiff_t>(count), fits.end(),
                      [](const Fit& a, const Fit& b) { return a.likelihood > b.likelihood; });
    for (std::size_t i = 0; i < count; ++i) {
      Fit better = refined(fits[i]);
      if (better.likelihood > fits[i].likelihood) {
        best_free_ = std::max(best_free_, better.free_likelihood);
        fits.push_back(std::move(better));
      }
    }
  }

  // One parameter after the other, by ever smaller steps. Scales move by a factor, places by a distance.
  Fit refined(Fit best) const {
    double step = 1;
    for (int round = 0; round < kRefinements; ++round) {
      for (std::size_t f = 0; f < best.forms.size(); ++f) {
        for (const auto parameter : {&Form::a, &Form::b}) {
          const bool is_scale = is_scale_of(best.forms[f].kind, parameter == &Form::b);
          if (parameter == &Form::b && best.forms[f].b == 0) {
            continue;
          }
          if (best.forms[f].kind == Kind::kLine && best.forms[f].a == 0) {
            continue;  // Growth from the start is a form of its own, and cheaper.
          }
          for (const double direction : {-step, step}) {
            std::vector<Form> moved = best.forms;
            double& value = moved[f].*parameter;
            value = is_scale ? value * std::exp(0.25 * direction) : value + 0.02 * direction;
            if (!is_in_range(moved[f], limits_)) {
              continue;
            }
            Fit fit = solve(moved, best.memory);
            if (fit.likelihood > best.likelihood && examine(fit)) {
              best = std::move(fit);
              break;
            }
          }
        }
      }
      step /= 2;
    }
    return best;
  }

  static bool is_scale_of(Kind kind, bool second) {
    switch (kind) {
      case Kind::kApproach:
      case Kind::kSlowing:
      case Kind::kHyperbola:
        return !second;
      case Kind::kS:
      case Kind::kLate:
        return second;
      default:
        return false;
    }
  }

  const Series& series_;
  Limits limits_;
  Transform transform_;
  std::vector<Form> grid_;
  std::vector<Eigen::Index> first_column_;
  Eigen::VectorXd values_;
  Eigen::MatrixXd raw_;  // The forms of the grid, in the blocks.
  Eigen::RowVectorXd ranges_;

  std::size_t memory_ = 0;  // That is searched in.
  Eigen::RowVectorXd norms_;
  Eigen::MatrixXd gram_;
  Node root_;

  double best_free_ = -kInfinity;
  std::vector<Fit> at_rest_;
  std::vector<Fit> growing_;
};

// --- Decisions

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

// What one look sees. Slopes are per span; onsets and times are shares of it.
struct Look {
  Series series;
  double slope = 0;
  double low = 0;
  double high = 0;
  bool sure = false;             // The interval at kSure lies above zero, and the onset is early enough.
  double evidence = -kInfinity;  // How much more likely growth is than rest.
  double onset = 0;
  double onset_earliest = 0;
  double onset_latest = 0;
  double rested = 0;  // When the part at rest came to rest, if it rose.
  double grown = 0;   // By how much; 0 if that is not certain.
  std::vector<ExcludedRate> excluded;
};

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

// The later part of a series.
std::vector<Segment> part_after(std::span<const Segment> segments, double x) {
  std::vector<Segment> part;
  for (const Segment& points : segments) {
    const auto from = std::lower_bound(points.begin(), points.end(), x,
                                       [](const Observation& point, double at) { return point.x < at; });
    if (from != points.end()) {
      part.push_back(points.subspan(static_cast<std::size_t>(from - points.begin())));
    }
  }
  return part;
}

std::size_t points_in(std::span<const Segment> segments) {
  std::size_t count = 0;
  for (const Segment& points : segments) {
    count += points.size();
  }
  return count;
}

// Whether the end of the last part stands above all that was before it.
bool stands_above(const Look& before, const Look& last) {
  double low = kInfinity;
  double high = -kInfinity;
  for (const Block& block : before.series.blocks) {
    if (before.series.from + block.u * before.series.span < last.series.from) {
      low = std::min(low, block.value);
      high = std::max(high, block.value);
    }
  }
  std::vector<double> end;
  for (const Block& block : last.series.blocks) {
    if (block.u > 1 - kLastLevel) {
      end.push_back(block.value);
    }
  }
  const double above = median_of(end) - high;
  return above > kAbove * last.slope * (1 - last.onset) && above > kAbove * (high - low);
}

GrowthState state_of(const Look& look, const GrowthOptions& options) {
  const double enough = kCertain + std::log(static_cast<double>(std::max<std::size_t>(options.noisy_series, 1)));
  const double span = look.series.span;
  const bool may_be_certain =
      span >= options.certain_from && (span >= options.slow_scale || look.slope >= options.small_rise);
  if (look.sure && look.evidence > enough && may_be_certain) {
    return GrowthState::kCertain;
  }
  // The last blocks alone are easily fitted by chance: what is seen only there has to be as likely as what is certain.
  const bool shown = look.onset <= kOnsetMax + 0.01 || look.evidence > enough;
  return look.low > 0 && shown ? GrowthState::kLikely : GrowthState::kAtRest;
}

// Of more segments than can be judged, the longest.
std::vector<Segment> judged_segments(std::span<const Segment> segments) {
  std::vector<Segment> judged(segments.begin(), segments.end());
  std::erase_if(judged, [](const Segment& points) { return points.size() < kSegmentPointsMin; });
  while (judged.size() > kSegmentsMax) {
    judged.erase(std::min_element(judged.begin(), judged.end(), [](const Segment& a, const Segment& b) {
      return a.back().x - a.front().x < b.back().x - b.front().x;
    }));
  }
  return judged;
}

// A series of which no block differs from another: had it grown, it would have shown.
Growth constant(double from, double span, double noise_floor) {
  Growth growth;
  for (const double onset : {0.0, 0.5, 0.75, 0.9}) {
    growth.excluded.push_back({from + onset * span, 3 * noise_floor / (span * (1 - onset))});
  }
  growth.high = growth.excluded.front().rate;
  return growth;
}

}  // namespace

const char* to_string(GrowthState state) {
  switch (state) {
    case GrowthState::kAtRest:
      return "at rest";
    case GrowthState::kLikely:
      return "likely";
    case GrowthState::kCertain:
      return "certain";
  }
  return "";
}

std::optional<Growth> find_growth(std::span<const Segment> segments, const GrowthOptions& options) {
  const std::vector<Segment> judged = judged_segments(segments);
  if (points_in(judged) < std::max(options.least_points, kPointsMin)) {
    return std::nullopt;
  }
  const double from = judged.front().front().x;
  const double span = judged.back().back().x - from;
  if (span <= 0) {
    return std::nullopt;
  }
  const Series series = series_of(judged, options.noise_floor);
  const bool varies = std::any_of(series.blocks.begin(), series.blocks.end(),
                                  [&](const Block& block) { return block.value != series.blocks.front().value; });
  if (!varies || series.blocks.size() < kBlocksMin) {
    return constant(from, span, std::max(options.noise_floor, series.noise_floor));
  }

  const Look whole = look_at(judged, options);
  GrowthState state = state_of(whole, options);
  Look last = whole;
  std::vector<ExcludedRate> excluded = whole.excluded;
  for (ExcludedRate& one : excluded) {
    one = {from + one.onset * span, one.rate / span};
  }
  Look before = whole;
  while (before.series.span >= kLongRun * options.slow_scale && options.slow_scale > 0) {
    const std::vector<Segment> part = judged_segments(part_after(judged, from + span - kSuffix * before.series.span));
    if (points_in(part) < kSuffixPointsMin) {
      break;
    }
    Look look = look_at(part, options);
    for (const ExcludedRate& one : look.excluded) {
      const double onset = look.series.from + one.onset * look.series.span;
      if (onset > excluded.back().onset) {
        excluded.push_back({onset, std::max(one.rate / look.series.span, excluded.back().rate)});
      }
    }
    const GrowthState seen = state_of(look, options);
    if (seen > state && stands_above(whole, look)) {
      state = seen;
      last = look;
    }
    before = std::move(look);
  }

  Growth growth;
  growth.state = state;
  const double unit = last.series.span;
  growth.slope = last.slope / unit;
  growth.low = last.low / unit;
  growth.high = last.high / unit;
  if (state != GrowthState::kAtRest) {
    growth.since = last.series.from + last.onset * unit;
    growth.since_earliest = last.series.from + last.onset_earliest * unit;
    growth.since_latest = last.series.from + last.onset_latest * unit;
  } else if (whole.grown > 0 && whole.slope <= 0) {  // If a growing form fits best, it is not said to have rested.
    growth.rest = Growth::Rest{from + whole.rested * span, whole.grown};
  }
  growth.warm_up = whole.grown > 0 ? whole.rested * span : 0;
  growth.excluded = std::move(excluded);
  return growth;
}

std::optional<Growth> find_growth(Segment points, const GrowthOptions& options) {
  const std::array<Segment, 1> one = {points};
  return find_growth(one, options);
}

}  // namespace soak::probe

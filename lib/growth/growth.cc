// SPDX-License-Identifier: Apache-2.0
#include "soak/growth/growth.h"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace soak::probe {
namespace {

constexpr int kFrequencies = 20;                        // That are fitted, the lowest.
constexpr int kBlocks = 48;                             // Of points, whose medians are transformed.
constexpr double kCertain = 7;                          // Natural logarithm of a likelihood ratio: growth is certain,
constexpr double kPlausible = 4;                        // or a form is not ruled out.
constexpr double kSure = 0.999;                         // Of the interval that is to lie above zero.
constexpr std::array<double, 3> kMemory = {0, 0.5, 1};  // The spectrum of the noise falls as f^(-2 memory).
constexpr double kSlowFraction = 1.0 / 3;               // Of the span: the longest scale, where slow_scale is shorter.
constexpr double kScaleFractionMin = 1.0 / 40;
constexpr std::size_t kScales = 7;  // From the shortest to the longest.
constexpr int kRefinements = 5;
constexpr double kSettled = 0.3;  // Change of a scale's logarithm.
constexpr double kLongRun = 10;   // Of slow_scale: from then on the first tenth of what was seen is warm-up.
constexpr double kRidge = 1e-12;
constexpr double kPeak = 3.5;         // Standard deviations.
constexpr int kPeakFrequencyMin = 4;  // The lowest frequencies are the growth itself.
constexpr int kPeakRounds = 2;
constexpr double kMedianToDeviation = 1.4826;

constexpr int kColumns = 6;  // The line, approach, slowing growth, step, and how the two scales matter.
using Rows = Eigen::Matrix<double, Eigen::Dynamic, 1, 0, kFrequencies, 1>;
using Design = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, 0, kFrequencies, kColumns>;
using Coefficients = Eigen::Matrix<double, Eigen::Dynamic, 1, 0, kColumns, 1>;
using Square = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, 0, kColumns, kColumns>;

// The medians of blocks of points, and what of them lies in the lowest frequencies.
class Spectrum {
 public:
  explicit Spectrum(std::span<const Observation> points) {
    const std::size_t count = points.size();
    const std::size_t blocks = std::min<std::size_t>(kBlocks, count);
    std::vector<double> values;
    for (std::size_t b = 0; b < blocks; ++b) {
      const std::size_t from = b * count / blocks;
      const std::size_t to = (b + 1) * count / blocks;
      double x = 0;
      values.clear();
      for (std::size_t i = from; i < to; ++i) {
        x += points[i].x - points.front().x;
        values.push_back(points[i].value);
      }
      x_.push_back(x / static_cast<double>(to - from));
      const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
      std::nth_element(values.begin(), middle, values.end());
      double median = *middle;
      if (values.size() % 2 == 0) {
        median = (median + *std::max_element(values.begin(), middle)) / 2;
      }
      medians_.push_back(median);
    }
    per_block_ = static_cast<double>(count) / static_cast<double>(blocks);
    for (int j = 1; j <= static_cast<int>(std::min<std::size_t>(kFrequencies, blocks - 1)); ++j) {
      frequencies_.push_back(j);
    }
    transform();
  }

  // The frequencies that are looked at, in half periods over all the points. Those at the indices `gone` are left out
  // from now on.
  const std::vector<int>& frequencies() const { return frequencies_; }
  void leave_out(const std::vector<int>& gone) {
    std::erase_if(frequencies_, [&](int j) { return std::find(gone.begin(), gone.end(), j) != gone.end(); });
    transform();
  }

  // Of a function of x.
  template <typename Function>
  Rows of(Function function) const {
    Eigen::VectorXd values(static_cast<Eigen::Index>(x_.size()));
    for (std::size_t b = 0; b < x_.size(); ++b) {
      values(static_cast<Eigen::Index>(b)) = function(x_[b]);
    }
    return cosines_ * values;
  }

  Rows of_medians() const {
    return cosines_ * Eigen::Map<const Eigen::VectorXd>(medians_.data(), static_cast<Eigen::Index>(medians_.size()));
  }

  int rows() const { return static_cast<int>(frequencies_.size()); }
  double points_per_block() const { return per_block_; }
  const std::vector<double>& x() const { return x_; }
  const std::vector<double>& medians() const { return medians_; }

 private:
  void transform() {
    const std::size_t blocks = x_.size();
    cosines_.resize(rows(), static_cast<Eigen::Index>(blocks));
    for (int j = 0; j < rows(); ++j) {
      for (std::size_t b = 0; b < blocks; ++b) {
        cosines_(j, static_cast<Eigen::Index>(b)) =
            std::sqrt(2.0 / static_cast<double>(blocks)) *
            std::cos(std::numbers::pi * frequencies_[static_cast<std::size_t>(j)] * (static_cast<double>(b) + 0.5) /
                     static_cast<double>(blocks));
      }
    }
  }

  std::vector<double> x_;
  std::vector<double> medians_;
  double per_block_ = 1;
  std::vector<int> frequencies_;
  Eigen::MatrixXd cosines_;
};

// A form that the series may have.
struct Form {
  bool line = true;
  double tau = 0;  // Of the approach; 0 without one.
  double s = 0;    // Of the slowing growth; 0 without one.
  int step = -1;   // Before which block; -1 without one.
  int memory = 0;  // Which of kMemory.

  int columns() const { return (line ? 1 : 0) + (tau > 0 ? 1 : 0) + (s > 0 ? 1 : 0) + (step >= 0 ? 1 : 0); }
};

struct Fit {
  Form form;
  double slope = 0;  // Of the line; 0 without one.
  double error = 0;  // Its standard error.
  int freedom = 1;
  double likelihood = -std::numeric_limits<double>::infinity();  // Its logarithm, less what the parameters cost.
  double approach = 0;                                           // The coefficients.
  double slowing = 0;
  double step = 0;

  // What comes to rest comes from below: a line beside a fall would be the growth of something that stands still.
  bool allowed() const { return approach >= 0 && slowing >= 0 && step >= 0; }
};

class Fitter {
 public:
  Fitter(const Spectrum& spectrum, double span, const GrowthOptions& options, bool ended)
      : spectrum_(spectrum),
        y_(spectrum.of_medians()),
        line_(spectrum.of([](double x) { return x; })),
        longest_(ended ? span * kSlowFraction : std::max(options.slow_scale, span * kSlowFraction)),
        shortest_(std::min(span, longest_) * kScaleFractionMin),
        floor_(options.noise_floor / std::sqrt(spectrum.points_per_block())) {
    for (std::size_t i = 0; i < kScales; ++i) {
      scales_[i] = shortest_ * std::pow(longest_ / shortest_, static_cast<double>(i) / (kScales - 1));
      approaches_[i] = make_approach(scales_[i]);
      slowings_[i] = make_slowing(scales_[i]);
    }
    for (std::size_t i = 0; i < kMemory.size(); ++i) {
      weights_[i].of_rows.resize(spectrum.rows());
      for (int j = 0; j < spectrum.rows(); ++j) {
        weights_[i].of_rows(j) = std::pow(spectrum.frequencies()[static_cast<std::size_t>(j)], kMemory[i]);
      }
      weights_[i].logarithms = weights_[i].of_rows.array().log().sum();
    }
  }

  // The fits of all forms with the line, or of those without it.
  std::vector<Fit> fits(bool line) const {
    std::vector<Fit> all;
    fit_all(line, -1, all);
    const int step = best_step(best_of(all).form);
    if (step >= 0) {
      fit_all(line, step, all);
    }
    return all;
  }

  static const Fit& best_of(const std::vector<Fit>& fits) {
    return *std::max_element(fits.begin(), fits.end(),
                             [](const Fit& a, const Fit& b) { return a.likelihood < b.likelihood; });
  }

  // The frequencies at which a form misses by far more than at the others: something periodic is there.
  std::vector<int> peaks(const Form& form) const {
    Rows left;
    solve(form, design(form), nullptr, &left);
    std::vector<double> sizes(static_cast<std::size_t>(left.size()));
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      sizes[i] = std::abs(left(static_cast<Eigen::Index>(i)));
    }
    std::vector<double> sorted = sizes;
    std::sort(sorted.begin(), sorted.end());
    const double usual = sorted[sorted.size() / 2] * kMedianToDeviation;
    std::vector<int> found;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const int frequency = spectrum_.frequencies()[i];
      if (frequency >= kPeakFrequencyMin && sizes[i] > kPeak * usual) {
        found.push_back(frequency);
      }
    }
    return found;
  }

 private:
  Rows make_approach(double tau) const {
    return spectrum_.of([tau](double x) { return -std::expm1(-x / tau); });
  }
  Rows make_slowing(double s) const {
    return spectrum_.of([s](double x) { return std::log1p(x / s); });
  }
  Rows approach(double tau) const {
    const auto known = std::find(scales_.begin(), scales_.end(), tau);
    return known != scales_.end() ? approaches_[static_cast<std::size_t>(known - scales_.begin())] : make_approach(tau);
  }
  Rows slowing(double s) const {
    const auto known = std::find(scales_.begin(), scales_.end(), s);
    return known != scales_.end() ? slowings_[static_cast<std::size_t>(known - scales_.begin())] : make_slowing(s);
  }
  // How they change with the logarithm of their scale.
  Rows approach_change(double tau) const {
    return spectrum_.of([tau](double x) { return -x / tau * std::exp(-x / tau); });
  }
  Rows slowing_change(double s) const {
    return spectrum_.of([s](double x) { return -x / (s + x); });
  }
  Rows step(int at) const {
    const double from = spectrum_.x()[static_cast<std::size_t>(at)];
    return spectrum_.of([from](double x) { return x >= from ? 1.0 : 0.0; });
  }

  Design design(const Form& form) const {
    Design columns(spectrum_.rows(), form.columns());
    Eigen::Index next = 0;
    if (form.line) {
      columns.col(next++) = line_;
    }
    if (form.tau > 0) {
      columns.col(next++) = approach(form.tau);
    }
    if (form.s > 0) {
      columns.col(next++) = slowing(form.s);
    }
    if (form.step >= 0) {
      columns.col(next++) = step(form.step);
    }
    return columns;
  }

  // What the parameters of a form gain by chance: Akaike's criterion, as Hurvich and Tsai correct it for few data. The
  // place of a step is one of many, so it counts twice.
  double cost(const Form& form) const {
    const double parameters =
        1 + (form.line ? 1 : 0) + (form.tau > 0 ? 2 : 0) + (form.s > 0 ? 2 : 0) + (form.step >= 0 ? 3 : 0);
    const double rows = spectrum_.rows();
    return parameters * rows / std::max(rows - parameters - 1, 1.0);
  }

  // Least squares of the series on the columns, in noise of the form's memory.
  Fit solve(const Form& form, const Design& columns, Coefficients* coefficients = nullptr, Rows* left = nullptr) const {
    const int rows = spectrum_.rows();
    const Weights& weights = weights_[static_cast<std::size_t>(form.memory)];
    Design weighted = weights.of_rows.asDiagonal() * columns;
    Rows y = weights.of_rows.cwiseProduct(y_);
    Fit fit;
    fit.form = form;
    fit.freedom = std::max(rows - static_cast<int>(columns.cols()), 1);
    Coefficients scale;
    Coefficients solved;
    double first = 0;  // Of the inverse of the normal matrix.
    if (columns.cols() > 0) {
      scale = weighted.colwise().norm().transpose();
      for (Eigen::Index c = 0; c < weighted.cols(); ++c) {
        if (!(scale(c) > 0)) {
          scale(c) = 1;
        }
        weighted.col(c) /= scale(c);
      }
      Square normal = weighted.transpose().lazyProduct(weighted);  // Too small for what products of large ones do.
      normal += Square::Identity(normal.rows(), normal.cols()) * kRidge;
      const Eigen::LDLT<Square> decomposed(normal);
      solved = decomposed.solve(weighted.transpose().lazyProduct(y));
      Coefficients unit = Coefficients::Zero(normal.rows());
      unit(0) = 1;
      first = std::max(decomposed.solve(unit)(0), 0.0);
      y -= weighted.lazyProduct(solved);
      solved = solved.cwiseQuotient(scale);
    }
    const double squares = y.squaredNorm();
    const double least = floor_ * floor_;
    fit.likelihood = weights.logarithms - rows / 2.0 * std::log(std::max(squares / rows, least)) - cost(form);
    Eigen::Index next = 0;
    if (form.line) {
      fit.slope = solved(next);
      fit.error = std::sqrt(std::max(squares / fit.freedom, least) * first) / scale(next);
      ++next;
    }
    if (form.tau > 0) {
      fit.approach = solved(next++);
    }
    if (form.s > 0) {
      fit.slowing = solved(next++);
    }
    if (form.step >= 0) {
      fit.step = solved(next++);
    }
    if (coefficients != nullptr) {
      *coefficients = solved;
    }
    if (left != nullptr) {
      *left = y;
    }
    return fit;
  }

  void add(const Form& form, std::vector<Fit>& fits) const {
    const Fit fit = solve(form, design(form));
    if (fit.allowed()) {
      fits.push_back(fit);
    }
  }

  void fit_all(bool line, int step, std::vector<Fit>& all) const {
    for (int memory = 0; memory < static_cast<int>(kMemory.size()); ++memory) {
      const Form plain{.line = line, .tau = 0, .s = 0, .step = step, .memory = memory};
      add(plain, all);
      std::array<std::vector<Fit>, 3> families;
      for (const double scale : scales_) {
        Form form = plain;
        form.tau = scale;
        add(form, families[0]);
        form.tau = 0;
        form.s = scale;
        add(form, families[1]);
        for (const double tau : scales_) {
          form.tau = tau;
          add(form, families[2]);
        }
      }
      for (const std::vector<Fit>& family : families) {
        if (family.empty()) {
          continue;
        }
        refine(best_of(family), all);
        all.insert(all.end(), family.begin(), family.end());
      }
    }
  }

  // Moves the scales of a form to where it fits best (Gauss and Newton), and adds that fit, with an error which knows
  // that the scales are not known.
  void refine(Fit best, std::vector<Fit>& all) const {
    Form form = best.form;
    for (int i = 0; i <= kRefinements; ++i) {
      const Design columns = design(form);
      const Fit fit = solve(form, columns);
      if (!fit.allowed() || (i > 0 && fit.likelihood <= best.likelihood)) {
        break;
      }
      best = fit;
      const int scales = (form.tau > 0 ? 1 : 0) + (form.s > 0 ? 1 : 0);
      Design wide(columns.rows(), columns.cols() + scales);
      wide.leftCols(columns.cols()) = columns;
      Eigen::Index next = columns.cols();
      if (form.tau > 0) {
        wide.col(next++) = best.approach * approach_change(form.tau);
      }
      if (form.s > 0) {
        wide.col(next++) = best.slowing * slowing_change(form.s);
      }
      Coefficients found;
      const Fit with_scales = solve(form, wide, &found);
      // Where the scales hardly matter, the neighbours on the grid say how far they may be off.
      if (found.tail(scales).cwiseAbs().maxCoeff() < kSettled) {
        best.slope = with_scales.slope;
        best.error = with_scales.error;
        best.freedom = with_scales.freedom;
      }
      next = columns.cols();
      const auto moved = [&](double scale) {
        return std::clamp(scale * std::exp(std::clamp(found(next++), -0.5, 0.5)), shortest_, longest_);
      };
      if (form.tau > 0) {
        form.tau = moved(form.tau);
      }
      if (form.s > 0) {
        form.s = moved(form.s);
      }
    }
    all.push_back(best);
  }

  int best_step(Form form) const {
    int best = -1;
    double most = -std::numeric_limits<double>::infinity();
    for (int at = 1; at < static_cast<int>(spectrum_.x().size()); ++at) {
      form.step = at;
      const Fit fit = solve(form, design(form));
      if (fit.step > 0 && fit.likelihood > most) {
        most = fit.likelihood;
        best = at;
      }
    }
    return best;
  }

  // Under which noise of one of kMemory is white.
  struct Weights {
    Rows of_rows;
    double logarithms = 0;  // Their sum.
  };

  const Spectrum& spectrum_;
  Rows y_;
  Rows line_;
  double longest_;
  double shortest_;
  double floor_;
  std::array<double, kScales> scales_{};
  std::array<Rows, kScales> approaches_;
  std::array<Rows, kScales> slowings_;
  std::array<Weights, kMemory.size()> weights_;
};

double student(int freedom, double error) {
  return boost::math::quantile(boost::math::complement(boost::math::students_t(freedom), error));
}

// Where a line that begins at one of the blocks fits the medians best.
double beginning(const Spectrum& spectrum) {
  const std::vector<double>& x = spectrum.x();
  const std::vector<double>& y = spectrum.medians();
  double least = std::numeric_limits<double>::infinity();
  double since = 0;
  for (std::size_t from = 0; from + 4 < x.size(); ++from) {
    double xx = 0, xy = 0, yy = 0, sx = 0, sy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double along = std::max(x[i] - x[from], 0.0);
      sx += along;
      sy += y[i] - y[0];
      xx += along * along;
      xy += along * (y[i] - y[0]);
      yy += (y[i] - y[0]) * (y[i] - y[0]);
    }
    const auto n = static_cast<double>(x.size());
    const double vx = xx - sx * sx / n;
    const double vxy = xy - sx * sy / n;
    const double left = yy - sy * sy / n - (vx > 0 ? vxy * vxy / vx : 0);
    if (left < least) {
      least = left;
      since = from == 0 ? 0 : x[from];
    }
  }
  return since;
}

// What one look sees.
struct Look {
  double slope = 0;
  double low = 0;
  double high = 0;
  bool certain = false;
  double warm_up = 0;
};

// How many of the points come no later than x.
std::size_t points_until(std::span<const Observation> points, double x) {
  const auto after = std::upper_bound(points.begin(), points.end(), x,
                                      [](double until, const Observation& point) { return until < point.x; });
  return static_cast<std::size_t>(after - points.begin());
}

// The forms have scales of a fortieth of what is seen and more. In a long run, what came to rest sooner than that is
// left out instead.
std::span<const Observation> without_beginning(std::span<const Observation> points, const GrowthOptions& options) {
  const double span = points.back().x - points.front().x;
  if (options.slow_scale <= 0 || span < kLongRun * options.slow_scale) {
    return points;
  }
  const std::span<const Observation> rest = points.subspan(points_until(points, points.front().x + span / kLongRun));
  return rest.size() < options.least_points ? points : rest;
}

Look look_at(std::span<const Observation> all, const GrowthOptions& options, bool ended) {
  const std::span<const Observation> points = without_beginning(all, options);
  Spectrum spectrum(points);
  const double span = points.back().x - points.front().x;
  std::vector<Fit> growing;
  std::vector<Fit> still;
  for (int round = 0;; ++round) {
    const Fitter fitter(spectrum, span, options, ended);
    growing = fitter.fits(true);
    still = fitter.fits(false);
    if (round == kPeakRounds) {
      break;
    }
    const Fit& best = Fitter::best_of(growing).likelihood > Fitter::best_of(still).likelihood ? Fitter::best_of(growing)
                                                                                              : Fitter::best_of(still);
    const std::vector<int> peaks = fitter.peaks(best.form);
    if (peaks.empty() || spectrum.rows() - static_cast<int>(peaks.size()) < kFrequencies / 2) {
      break;
    }
    spectrum.leave_out(peaks);
  }
  const Fit& grows = Fitter::best_of(growing);
  const Fit& rests = Fitter::best_of(still);
  Look look;
  look.slope = grows.slope;
  const Fit& best = std::max(grows, rests, [](const Fit& a, const Fit& b) { return a.likelihood < b.likelihood; });
  look.warm_up = points.front().x - all.front().x + 3 * best.form.tau;
  look.low = look.high = look.slope;
  double least = std::numeric_limits<double>::infinity();  // That the slope is, with kSure.
  const double most = std::max(grows.likelihood, rests.likelihood);
  for (const Fit& fit : growing) {
    if (fit.likelihood < most - kPlausible) {
      continue;
    }
    const double margin = student(fit.freedom, (1 - options.confidence) / 2) * fit.error;
    look.low = std::min(look.low, fit.slope - margin);
    look.high = std::max(look.high, fit.slope + margin);
    least = std::min(least, fit.slope - student(fit.freedom, (1 - kSure) / 2) * fit.error);
  }
  if (rests.likelihood > most - kPlausible) {
    look.low = std::min(look.low, 0.0);
    look.high = std::max(look.high, 0.0);
  }
  look.certain = least > 0 && grows.likelihood - rests.likelihood > kCertain &&
                 (span >= options.slow_scale || grows.slope * span >= options.small_rise);
  return look;
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
  return segments.empty() ? std::nullopt : find_growth(segments.back(), options);
}

std::optional<Growth> find_growth(Segment points, const GrowthOptions& options) {
  if (points.size() < options.least_points) {
    return std::nullopt;
  }
  const double from = points.front().x;
  const double span = points.back().x - from;
  if (span <= 0) {
    return std::nullopt;
  }
  Growth growth;
  const auto [least, most] = std::minmax_element(
      points.begin(), points.end(), [](const Observation& a, const Observation& b) { return a.value < b.value; });
  if (least->value == most->value) {
    // Had it grown, it would have shown: three times the floor, as for a rate of which nothing was seen.
    growth.high = 3 * options.noise_floor / span;
    growth.excluded = {{from, growth.high}};
    return growth;
  }
  const Look look = look_at(points, options, true);
  growth.slope = look.slope;
  growth.low = look.low;
  growth.high = look.high;
  growth.warm_up = look.warm_up;
  growth.excluded = {{from, std::max(look.high, 0.0)}};
  if (look.certain && span >= options.certain_from) {
    growth.state = GrowthState::kCertain;
  } else if (look.low > 0) {
    growth.state = GrowthState::kLikely;
  }
  growth.since = growth.since_earliest = growth.since_latest = from + beginning(Spectrum(points));
  return growth;
}

}  // namespace soak::probe

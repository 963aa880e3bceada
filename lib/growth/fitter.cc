// SPDX-License-Identifier: Apache-2.0
#include "lib/growth/fitter.h"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <utility>

namespace soak::probe::fitting {

namespace {

Eigen::VectorXd column(const Series& series, const Form& form, bool cosine) {
  Eigen::VectorXd values(static_cast<Eigen::Index>(series.blocks.size()));
  for (std::size_t b = 0; b < series.blocks.size(); ++b) {
    values(static_cast<Eigen::Index>(b)) = value_of(form, series.blocks[b], cosine);
  }
  return values;
}

}  // namespace

Fitter::Fitter(const Series& series, const std::vector<int>& frequencies, const Limits& limits)
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

void Fitter::search() {
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

void Fitter::refine() {
  refine(at_rest_);
  std::partial_sort(at_rest_.begin(),
                    at_rest_.begin() + static_cast<std::ptrdiff_t>(std::min(kWithLines, at_rest_.size())),
                    at_rest_.end(), [](const Fit& a, const Fit& b) { return a.likelihood > b.likelihood; });
  for (std::size_t i = 0; i < std::min(kWithLines, at_rest_.size()); ++i) {
    for (const Form& line : grid_) {
      if (line.kind == Kind::kLine) {
        Forms forms = {line};
        forms.insert(forms.end(), at_rest_[i].forms.begin(), at_rest_[i].forms.end());
        keep(solve(forms, at_rest_[i].memory));
      }
    }
  }
  refine(growing_);
}

Eigen::VectorXd Fitter::residuals(const Fit& fit) const {
  Eigen::VectorXd left;
  solve(fit.forms, fit.memory, &left);
  return left;
}

void Fitter::prepare(std::size_t memory) {
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

void Fitter::add_column(Node& node, Eigen::Index c) const {
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

Fitter::Node Fitter::extended(const Node& node, std::size_t form) const {
  Node next = node;
  next.forms.push_back(form);
  next.cost += cost_of(grid_[form]);
  for (int c = 0; c < columns_of(grid_[form]); ++c) {
    add_column(next, first_column_[form] + c);
  }
  return next;
}

bool Fitter::can_extend(const Node& node, std::size_t form) const {
  const auto cycles = [&](std::size_t f) { return is_periodic(grid_[f].kind); };
  const bool one_cycle = !cycles(form) || std::none_of(node.forms.begin(), node.forms.end(), cycles);
  return grid_[form].kind != Kind::kLine && one_cycle &&
         std::find(node.forms.begin(), node.forms.end(), form) == node.forms.end();
}

std::optional<double> Fitter::gain(const Node& node, std::size_t form) const {
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

bool Fitter::is_plausible(const Candidate& candidate) const {
  return candidate.likelihood + kLineCostMax > best_free_ - kNotExcluded;
}

void Fitter::visit(std::vector<Node> nodes, std::size_t beam) {
  if (nodes.front().forms.empty()) {
    keep(fit_of(nodes.front(), std::nullopt, likelihood_of(nodes.front())));
  }
  for (int depth = 0; depth < kFormsMax; ++depth) {
    std::vector<Candidate> candidates;
    candidates.reserve(nodes.size() * grid_.size());
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

std::uint64_t Fitter::kinds_of(const Node& node, std::size_t form) const {
  std::uint64_t sum = std::uint64_t{1} << (4 * static_cast<unsigned>(grid_[form].kind));
  for (const std::size_t f : node.forms) {
    sum += std::uint64_t{1} << (4 * static_cast<unsigned>(grid_[f].kind));
  }
  return sum;
}

Fit Fitter::fit_of(const Node& node, std::optional<std::size_t> form, double likelihood) const {
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
    fit.error = fit.wide_error = transform_.deviation(memory_, std::max(squares, 0.0), fit.freedom) *
                                 std::sqrt(row_squares) / norms_(columns[0]);
    fit.free_likelihood = transform_.likelihood(memory_, std::max(squares, 0.0), cost - cost_of(fit.forms.front()));
  } else {
    fit.free_likelihood = likelihood;
  }
  return fit;
}

double Fitter::fallen_in(std::span<Jump> jumps) {
  std::sort(jumps.begin(), jumps.end(), [](const Jump& a, const Jump& b) { return a.at < b.at; });
  double fallen = 0;
  for (const Jump& jump : jumps) {
    fallen = std::max(fallen - jump.by, 0.0);
  }
  return fallen;
}

bool Fitter::examine(Fit& fit) const {
  double falls = 0;
  bool long_cycle = false;
  boost::container::static_vector<Jump, kFormsMax> jumps;
  std::size_t c = 0;
  for (const Form& form : fit.forms) {
    const double amplitude = fit.amplitudes[c];
    if (form.kind == Kind::kLine) {
      fit.slope = amplitude;
      fit.onset = form.a;
    } else if (only_upwards(form) && amplitude < 0) {
      return false;
    } else if (is_periodic(form.kind)) {
      long_cycle = form.a < kCyclesBesideGrowthMin;
    } else if (is_jump(form.kind)) {
      jumps.push_back({form.a, amplitude * range_of(form)});
    } else if (amplitude < 0) {
      falls -= amplitude * range_of(form);
    }
    c += static_cast<std::size_t>(columns_of(form));
  }
  falls += fallen_in({jumps.data(), jumps.size()});
  fit.is_growth = fit.slope > 0 && !long_cycle && fit.slope * (1 - fit.onset) >= kOutgrows * falls;
  return true;
}

double Fitter::range_of(const Form& form) {
  switch (form.kind) {
    case Kind::kFill:
      return form.a;
    case Kind::kRamp:
      return form.b - form.a;
    default:
      return 1;
  }
}

bool Fitter::keep(Fit fit) {
  if (!examine(fit)) {
    return false;
  }
  const bool line = !fit.forms.empty() && fit.forms.front().kind == Kind::kLine;
  best_free_ = std::max(best_free_, fit.free_likelihood);
  const bool valid = !line || fit.is_growth || fit.slope <= 0;
  (line ? growing_ : at_rest_).push_back(std::move(fit));
  return valid;
}

Fit Fitter::solve(const Forms& forms, std::size_t memory, Eigen::VectorXd* left) const {
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
  Eigen::MatrixXd design;
  double length = 1;
  if (count > 0) {
    Eigen::MatrixXd columns(values_.size(), count);
    Eigen::Index next = 0;
    for (const Form& form : forms) {
      for (int c = 0; c < columns_of(form); ++c) {
        columns.col(next++) = column(series_, form, c == 1);
      }
    }
    design = transform * columns;
    Eigen::VectorXd scale = design.colwise().norm().transpose();
    for (Eigen::Index c = 0; c < count; ++c) {
      scale(c) = scale(c) > 0 ? scale(c) : 1;
      design.col(c) /= scale(c);
    }
    const Eigen::MatrixXd normal = design.transpose() * design + Eigen::MatrixXd::Identity(count, count) * kRidge;
    const Eigen::LDLT<Eigen::MatrixXd> decomposed(normal);
    const Eigen::VectorXd solved = decomposed.solve(design.transpose() * y);
    length = scale(0);
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
    fit.wide_error = std::max(fit.error, wide_error(fit, design, length, squares));
  }
  if (left != nullptr) {
    *left = y;
  }
  return fit;
}

double Fitter::wide_error(const Fit& fit, const Eigen::MatrixXd& design, double length, double squares) const {
  constexpr double kStep = 0.01;  // Of the logarithm of a scale, for the derivative by it.
  const double deviation = transform_.deviation(fit.memory, squares, fit.freedom);
  Eigen::MatrixXd all = design;
  std::vector<double> known;  // What is known of each scale without the data.
  std::size_t c = 0;
  for (const Form& form : fit.forms) {
    if (is_approach(form.kind)) {
      Form longer = form;
      longer.a *= std::exp(kStep);
      const Eigen::VectorXd derivative = transform_.transform(fit.memory) *
                                         (column(series_, longer, false) - column(series_, form, false)) *
                                         (fit.amplitudes[c] / kStep);
      const double norm = derivative.norm();
      if (norm > 0) {
        all.conservativeResize(Eigen::NoChange, all.cols() + 1);
        all.col(all.cols() - 1) = derivative / norm;
        known.push_back(std::pow(deviation / (kScaleKnown * norm), 2));
      }
    }
    c += static_cast<std::size_t>(columns_of(form));
  }
  Eigen::MatrixXd normal = all.transpose() * all + Eigen::MatrixXd::Identity(all.cols(), all.cols()) * kRidge;
  for (std::size_t i = 0; i < known.size(); ++i) {
    const Eigen::Index at = design.cols() + static_cast<Eigen::Index>(i);
    normal(at, at) += known[i];
  }
  const double first = Eigen::LDLT<Eigen::MatrixXd>(normal).solve(Eigen::VectorXd::Unit(all.cols(), 0))(0);
  return deviation * std::sqrt(std::max(first, 0.0)) / length;
}

void Fitter::refine(std::vector<Fit>& fits) {
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

Fit Fitter::refined(Fit best) const {
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
          Forms moved = best.forms;
          double& value = moved[f].*parameter;
          value = is_scale ? value * std::exp(0.25 * direction) : value + distance_of(best.forms[f].kind) * direction;
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

double Fitter::distance_of(Kind kind) { return kind == Kind::kTeeth ? 0.08 : 0.02; }

bool Fitter::is_scale_of(Kind kind, bool second) {
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

}  // namespace soak::probe::fitting

// SPDX-License-Identifier: Apache-2.0
#include "lib/growth/frequencies.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "lib/growth/method.h"

namespace soak::probe::fitting {

Transform::Transform(const Series& series, const std::vector<int>& frequencies) {
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

double Transform::likelihood(std::size_t memory, double squares, double cost) const {
  const Model& model = models_[memory];
  const double parameters = 1 + cost;
  if (parameters > rows_ - 3) {
    return -kInfinity;
  }
  return model.constant - rows_ / 2 * std::log(std::max(squares / rows_, model.least)) -
         parameters * rows_ / (rows_ - parameters - 1);
}

double Transform::deviation(std::size_t memory, double squares, double freedom) const {
  return std::sqrt(std::max(squares / freedom, models_[memory].least));
}

}  // namespace soak::probe::fitting

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_GROWTH_FREQUENCIES_H_
#define SOAK_LIB_GROWTH_FREQUENCIES_H_

// The lowest cosine coefficients of a series, and models of their noise: step 2 of the method (lib/growth/method.h).

#include <Eigen/Core>
#include <cstddef>
#include <vector>

#include "lib/growth/blocks.h"

namespace soak::probe::fitting {

// The operators that turn a function of the blocks into its weighted coefficients, one for each model of the noise.
class Transform {
 public:
  Transform(const Series& series, const std::vector<int>& frequencies);

  double rows() const { return rows_; }
  const Eigen::MatrixXd& transform(std::size_t memory) const { return models_[memory].transform; }

  // What a fit that leaves these squares is worth. The parameters of the noise and of the forms cost what they gain by
  // chance: Akaike's criterion, as Hurvich and Tsai correct it for few data.
  double likelihood(std::size_t memory, double squares, double cost) const;

  double deviation(std::size_t memory, double squares, double freedom) const;

 private:
  struct Model {
    Eigen::MatrixXd transform;
    double constant = 0;  // Of the likelihood.
    double least = 0;     // Variance.
  };

  std::vector<Model> models_;
  double rows_ = 0;
};

}  // namespace soak::probe::fitting

#endif  // SOAK_LIB_GROWTH_FREQUENCIES_H_

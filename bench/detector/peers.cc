// SPDX-License-Identifier: Apache-2.0
#include "peers.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace soak::bench {

bool least_squares_alarm(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double sy = 0;
  double sxy = 0;
  double syy = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double y = values[i] - values[0];
    sy += y;
    syy += y * y;
    sxy += (static_cast<double>(i) - (n - 1) / 2) * y;
  }
  const double sxx = n * (n * n - 1) / 12;
  const double total = syy - sy * sy / n;
  return sxy > 0 && total > 0 && sxy * sxy / sxx / total > 0.8;
}

bool mann_kendall_alarm(const std::vector<double>& values) {
  constexpr std::size_t kMost = 600;  // Or the pairs are too many.
  std::vector<double> thinned;
  const std::size_t stride = (values.size() + kMost - 1) / kMost;
  for (std::size_t i = 0; i < values.size(); i += stride) {
    thinned.push_back(values[i]);
  }
  double score = 0;
  for (std::size_t i = 0; i < thinned.size(); ++i) {
    for (std::size_t k = i + 1; k < thinned.size(); ++k) {
      score += thinned[k] > thinned[i] ? 1 : thinned[k] < thinned[i] ? -1 : 0;
    }
  }
  const auto n = static_cast<double>(thinned.size());
  return score > 2.326 * std::sqrt(n * (n - 1) * (2 * n + 5) / 18);
}

bool thirds_alarm(const std::vector<double>& values) {
  const std::size_t third = values.size() / 3;
  const auto mean_and_variance = [&](std::size_t from) {
    double sum = 0;
    double squares = 0;
    for (std::size_t i = from; i < from + third; ++i) {
      sum += values[i] - values[0];
      squares += (values[i] - values[0]) * (values[i] - values[0]);
    }
    const double mean = sum / static_cast<double>(third);
    return std::pair(mean, squares / static_cast<double>(third) - mean * mean);
  };
  const auto [first, first_variance] = mean_and_variance(0);
  const auto [last, last_variance] = mean_and_variance(values.size() - third);
  const double error = std::sqrt((first_variance + last_variance) / static_cast<double>(third));
  return last - first > 3 * error && last - first > 0.05 * (values[0] + first);
}

bool fixed_budget_alarm(const std::vector<double>& values) { return values.back() - values.front() > 50e6; }

}  // namespace soak::bench

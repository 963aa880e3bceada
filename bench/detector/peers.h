// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_BENCH_DETECTOR_PEERS_H_
#define SOAK_BENCH_DETECTOR_PEERS_H_

// What others do to decide that a series leaks, for comparison.

#include <vector>

namespace soak::bench {

// Least squares with R2 above 0.8 and a positive slope.
bool least_squares_alarm(const std::vector<double>& values);

// Mann-Kendall's test of a rising trend at 1%, on at most 600 of the values.
bool mann_kendall_alarm(const std::vector<double>& values);

// The mean of the last third is above that of the first by more than three of their standard errors, and by 5%.
bool thirds_alarm(const std::vector<double>& values);

// The last value is 50 MB above the first.
bool fixed_budget_alarm(const std::vector<double>& values);

}  // namespace soak::bench

#endif  // SOAK_BENCH_DETECTOR_PEERS_H_

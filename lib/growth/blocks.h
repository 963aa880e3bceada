// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_GROWTH_BLOCKS_H_
#define SOAK_LIB_GROWTH_BLOCKS_H_

// A series as blocks of equal time: step 1 of the method (lib/growth/method.h).

#include <cstddef>
#include <span>
#include <vector>

#include "soak/growth/growth.h"

namespace soak::probe::fitting {

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
  std::vector<double> offsets;  // Of its blocks.
  double from = 0;              // x
  double span = 0;
  double noise_floor = 0;  // A standard deviation of a median: smaller noise cannot be seen.
};

// Reorders them.
double median_of(std::vector<double>& values);

// The numbers of the segments of which there is a block, except the first.
std::vector<double> offsets_of(const std::vector<Block>& blocks);

// Noise below `noise_floor` cannot be seen.
Series series_of(std::span<const Segment> segments, double noise_floor);

}  // namespace soak::probe::fitting

#endif  // SOAK_LIB_GROWTH_BLOCKS_H_

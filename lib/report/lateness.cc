// SPDX-License-Identifier: Apache-2.0
#include "soak/report/lateness.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace soak::report {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

void Lateness::add(nanoseconds late, std::uint64_t count) {
  const auto us =
      std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(late / microseconds{1}, 0)), kLatenessUsMax);
  const unsigned width = static_cast<unsigned>(std::bit_width(us));
  const unsigned shift = width > kBits + 1 ? width - (kBits + 1) : 0;
  buckets_[(std::size_t{shift} << kBits) + (us >> shift)] += count;
  count_ += count;
  if (count > 0) {
    raise_max(late);
  }
}

void Lateness::raise_max(nanoseconds late) { max_ = std::max(max_, late); }

// The first two octaves' worth of buckets are a microsecond wide, so an index says its octave from the third on.
microseconds Lateness::lower_end(std::size_t bucket) {
  const std::size_t octave = bucket >> kBits;
  const std::size_t shift = octave > 1 ? octave - 1 : 0;
  return microseconds((bucket - (shift << kBits)) << shift);
}

nanoseconds Lateness::percentile(double share) const {
  if (count_ == 0) {
    return {};
  }
  const auto rank =
      std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))), 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i + 1 < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank) {
      return std::min<nanoseconds>(lower_end(i + 1), max_);
    }
  }
  return max_;
}

}  // namespace soak::report

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_COMPARE_H_
#define SOAK_REPORT_COMPARE_H_

// Compares two runs of the same test: what is better, worse or the same in the new one, and how certain that is.
//
// - Growth of each series, per the same operation or per second (Verdict::trends): the difference of the two estimates.
//   Its 99% interval is computed from the two runs' intervals (Zou and Donner 2008, MOVER): d - sqrt((new - new.low)^2
//   + (old.high - old)^2) to d + sqrt((new.high - new)^2 + (old - old.low)^2). It is worse if the whole interval is
//   above 0, better if the whole interval is below 0, and otherwise the same, to within the interval.
// - What a count left behind at rest: the last value at a quiescent point minus the first.
// - RSS and heap at the end: the median of the last third of the values, between their 0.5% and 99.5% quantiles. Two
//   runs of one program differ by more than one run shows (address layout, thread timing), so 5% of the old level is
//   added in quadrature.
// - Failed cycles, and events met of those due: as shares, with Wilson's interval.
// - Counters, as rates: higher, lower or the same, with Poisson's interval. Only the test knows which is better.
// - The verdict itself: a finding that only the new run has is worse, one that only the old run had is better.
//
// A row that only one of the runs has is listed, and counts as neither.

#include <string>
#include <vector>

#include "soak/error.h"
#include "soak/report/record.h"

namespace soak::report {

enum class Change { kSame, kBetter, kWorse, kHigher, kLower, kUnknown, kOnlyOld, kOnlyNew };

std::string_view to_string(Change change);  // "same", "better", ..., "unknown", "only old", "only new".

struct Comparison {
  struct Row {
    std::string subject;  // "heap per reconnect", "rss at the end", "frames per second".
    Change change = Change::kUnknown;
    std::string text;  // "+0.0 B -> +10.2 KiB: +10.2 KiB, 99% CI +9.9 KiB to +10.5 KiB"
  };
  std::vector<Row> rows;
  std::vector<std::string> notes;  // Other differences: settings, duration, how the runs ended.

  Change overall()
      const;  // kWorse where one row is; else kBetter where one is; else kSame; kUnknown without any known row.
};

// Thrown for two runs that cannot be compared.
class NotComparable : public Error {
 public:
  explicit NotComparable(const std::string& what) : Error(Errc::kInvalidArgument, what) {}
};

// Throws NotComparable for runs of different tests, modes or clocks.
Comparison compare(const Record& before, const Record& after);

// One line per row, the worst first, then the notes. Each line ends with a line break.
std::string comparison_text(const Comparison& comparison);

}  // namespace soak::report

#endif  // SOAK_REPORT_COMPARE_H_

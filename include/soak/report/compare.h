// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_COMPARE_H_
#define SOAK_REPORT_COMPARE_H_

// Two runs of the same test: what is better, worse or the same in the new one, with how sure that is.
//
// - Growth of each series, per the same operation or per second (Verdict::trends): the difference of the two estimates.
//   Its 99% interval is made of the two runs' intervals (Zou and Donner 2008, MOVER): d - sqrt((new - new.low)^2 +
//   (old.high - old)^2) to d + sqrt((new.high - new)^2 + (old - old.low)^2). Worse where all of it is above 0, better
//   where all of it is below; the same otherwise, which the interval gives the limits of.
// - What a count left behind at rest: the last value at a quiescent point less the first.
// - RSS and heap at the end: the median of the last third of the values, between their 0.5% and 99.5% quantiles. Two
//   runs of one program differ by more than one run shows (address layout, the order of threads), so 5% of the old
//   level are added in quadrature.
// - Cycles that failed, and events that were met of those that were due: as shares, by Wilson's interval.
// - Counters, as rates: higher, lower or the same by Poisson's interval. Whether more is better only the test knows.
// - The verdict itself: a finding that only the new run has is worse, one that only the old run had is better.
//
// What only one of the runs has is said, and is neither.

#include <stdexcept>
#include <string>
#include <vector>

#include "soak/report/record.h"

namespace soak::report {

enum class Change { kSame, kBetter, kWorse, kHigher, kLower, kUnknown, kOnlyOld, kOnlyNew };

const char* to_string(Change change);  // "same", "better", ..., "unknown", "only old", "only new".

struct Comparison {
  struct Row {
    std::string subject;  // "heap per reconnect", "rss at the end", "frames a second".
    Change change = Change::kUnknown;
    std::string text;  // "+0.0 B -> +10.2 KiB: +10.2 KiB, 99% CI +9.9 KiB to +10.5 KiB"
  };
  std::vector<Row> rows;
  std::vector<std::string> notes;  // What else differs: settings, how long they lasted, how they ended.

  Change overall()
      const;  // kWorse where one row is; else kBetter where one is; else kSame; kUnknown without any known row.
};

// Two runs that say nothing about each other.
class NotComparable : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Throws NotComparable for runs of different tests, modes or clocks.
Comparison compare(const Record& before, const Record& after);

// A line for each row, the worst first, and the notes; each ends with a line break.
std::string comparison_text(const Comparison& comparison);

}  // namespace soak::report

#endif  // SOAK_REPORT_COMPARE_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_JSON_H_
#define SOAK_REPORT_JSON_H_

// Writes a run as JSON, with its verdict and every series: "soak.report", version kJsonVersion. docs/report.md
// describes every field, its unit, when it is absent, and what a change of version means. The same record gives the
// same bytes. Bytes that are not valid UTF-8 are replaced by U+FFFD.

#include <string>

#include "soak/report/record.h"

namespace soak::report {

inline constexpr int kJsonVersion = 3;

std::string to_json(const Record& record);

}  // namespace soak::report

#endif  // SOAK_REPORT_JSON_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_PAGE_H_
#define SOAK_REPORT_PAGE_H_

// The run as one HTML page: the verdict with its evidence, a chart of every series, the trends, everything else in
// tables. The page holds all it needs (its style, its scripts, Chart.js, the JSON report) and asks for nothing: its
// policy forbids every request and every script but its own. Texts of the run never become markup.

#include <string>

#include "soak/report/record.h"

namespace soak::report {

std::string to_html(const Record& record);

}  // namespace soak::report

#endif  // SOAK_REPORT_PAGE_H_

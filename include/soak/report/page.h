// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_PAGE_H_
#define SOAK_REPORT_PAGE_H_

// Writes a run as one self-contained HTML page: the verdict with its evidence, a chart of every series, the trends, and
// everything else in tables. The page contains its style, its scripts, Chart.js and the JSON report. Its policy forbids
// every request, and every script but its own. Text from the run never becomes markup.

#include <string>

#include "soak/report/record.h"

namespace soak::report {

std::string to_html(const Record& record);

}  // namespace soak::report

#endif  // SOAK_REPORT_PAGE_H_

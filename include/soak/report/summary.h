// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_SUMMARY_H_
#define SOAK_REPORT_SUMMARY_H_

// What a person reads on the terminal.

#include <string>

#include "soak/report/record.h"

namespace soak::report {

// "PASS", "FAIL", or, where nothing is wrong so far but parts of the soak are still to come, "PART 1 of 4".
std::string outcome(const Record& record);

// One line, the form that people grep for; memory in KB of 1,024 bytes:
//   [VOICE SOAK / openai] PASS: elapsed=30.0s reconnects=3 frames=750 rss_start=9120KB rss_peak=9404KB ...
// With figures of a driver's own these come first, and the counters are left out:
//   [CHANNELS SOAK / slack] PASS: sent=2880 ok=2880 success_rate=1.0000 ... elapsed=86400.0s cycles=96 rss_start=...
// A run on the virtual clock adds clock=virtual, a smoke run mode=smoke, one that a certain leak ended
// ended_early=310.0s.
std::string summary_line(const Record& record);

// A finding with its evidence, as lines; the first one names the test.
std::string finding_text(const Record& record, const probe::Finding& finding);

// The lines below a summary line, each ending with a line break: the findings with their evidence, and the
// remarks.
std::string findings_text(const Record& record);
std::string remarks_text(const Record& record);

}  // namespace soak::report

#endif  // SOAK_REPORT_SUMMARY_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_SUMMARY_H_
#define SOAK_REPORT_SUMMARY_H_

// The text that a person reads on the terminal.

#include <string>

#include "soak/report/record.h"

namespace soak::report {

// Nothing is wrong, but a bound was asked for (RunOptions::leak_max), and the whole of the soak could not show it.
bool is_short_of_its_bound(const Record& record);

// "PASS", "FAIL", "INCONCLUSIVE" (see above), or "PART 1 of 4" if nothing is wrong so far and parts of the soak are
// still to run.
std::string outcome(const Record& record);

// One line that is easy to grep; memory in KB of 1,024 bytes:
//   [VOICE SOAK / openai] PASS: elapsed=30.0s reconnects=3 frames=750 rss_start=9120KB rss_peak=9404KB ...
// A driver's own figures come first and replace the counters:
//   [CHANNELS SOAK / slack] PASS: sent=2880 ok=2880 success_rate=1.0000 ... elapsed=86400.0s cycles=96 rss_start=...
// A run on the virtual clock adds clock=virtual, a smoke run adds mode=smoke, and a run ended early by a certain leak
// adds ended_early=310.0s.
std::string summary_line(const Record& record);

// A finding with its evidence, as lines. The first line names the test.
std::string finding_text(const Record& record, const probe::Finding& finding);

// The lines below a summary line: the findings with their evidence, and the remarks. What is inconclusive is one of the
// remarks, in one line; where it decides (is_short_of_its_bound()), it takes the place of the findings. Each line ends
// with a line break.
std::string findings_text(const Record& record);
std::string remarks_text(const Record& record);

}  // namespace soak::report

#endif  // SOAK_REPORT_SUMMARY_H_

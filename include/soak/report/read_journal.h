// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_READ_JOURNAL_H_
#define SOAK_REPORT_READ_JOURNAL_H_

// Rebuilds a run from the journal that it left behind (soak/report/journal.h).
//
// The record is marked as killed, so its verdict is FAIL. It has everything in the journal: the values over time and at
// the quiescent points, the counts, the marks and the failures. It is judged like the run itself, except for what a
// journal does not hold: traffic against its schedule, and who allocated memory. A truncated last line is skipped, and
// a remark mentions it.

#include <string>
#include <string_view>

#include "soak/report/read_json.h"
#include "soak/report/record.h"

namespace soak::report {

// True if `text` begins like a journal. The rest may be broken.
bool is_journal(std::string_view text);

// Messages refer to the text as `name`: its path. Throws ReadError: "run.journal:7: held[2] is \"x\": ...".
Record read_journal(std::string_view text, const std::string& name);

}  // namespace soak::report

#endif  // SOAK_REPORT_READ_JOURNAL_H_

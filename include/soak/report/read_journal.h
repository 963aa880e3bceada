// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_READ_JOURNAL_H_
#define SOAK_REPORT_READ_JOURNAL_H_

// A run rebuilt from the journal that it left behind (soak/report/journal.h).
//
// The record says that the run was killed, so its verdict is FAIL, and has all that the journal tells: what was held
// over time and at the quiescent points, the counts, the marks, what failed. It is judged as the run would have been,
// but for what a journal does not hold: traffic against its schedule, and who allocated. A last line that is cut short
// is passed over, and said.

#include <string>
#include <string_view>

#include "soak/report/read_json.h"
#include "soak/report/record.h"

namespace soak::report {

// True where `text` begins as a journal does; what follows may be broken.
bool is_journal(std::string_view text);

// `name` is what messages call the text: its path. Throws ReadError: "run.journal:7: held[2] is \"x\": ...".
Record read_journal(std::string_view text, const std::string& name);

}  // namespace soak::report

#endif  // SOAK_REPORT_READ_JOURNAL_H_

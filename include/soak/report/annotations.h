// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_ANNOTATIONS_H_
#define SOAK_REPORT_ANNOTATIONS_H_

// A run as a workflow command of GitHub Actions, which shows it at the line of the test:
// https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions

#include <string>

#include "soak/report/record.h"

namespace soak::report {

// "::error file=tests/soak/voice_soak.cc,line=41,title=FAIL Soak/Voice.OpenAiRealtime::sockets rose 12 -> 224 ...\n".
// One command for all findings of a run, because GitHub shows ten errors a step; empty for a run that passed. A file
// below `source_root` is named relative to it, as GitHub expects. Without a file (the `soak` command), the error
// belongs to no line. Whatever the text has in it, the command is one line and the only one.
std::string to_annotation(const Record& record, const std::string& source_root);

}  // namespace soak::report

#endif  // SOAK_REPORT_ANNOTATIONS_H_

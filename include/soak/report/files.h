// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_FILES_H_
#define SOAK_REPORT_FILES_H_

// Where the reports of a run are, and how they are written.

#include <string>

#include "soak/report/record.h"

namespace soak::report {

// Where a report of this run goes below `directory`: "soak-report/Soak-Voice.OpenAiRealtime-virtual.json" for the
// extension ".json". The real mode has no suffix.
std::string report_path(const Record& record, const std::string& directory, const std::string& extension);

// The whole of a file. Throws std::runtime_error, which names the path.
std::string read_file(const std::string& path);

// Writes `text` to `path` by way of a temporary file, so that no reader sees half a report, and makes the
// directories it needs. Returns what went wrong, naming the path; empty when it was written.
std::string write_file(const std::string& path, const std::string& text);

}  // namespace soak::report

#endif  // SOAK_REPORT_FILES_H_

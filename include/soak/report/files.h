// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_FILES_H_
#define SOAK_REPORT_FILES_H_

// The paths of a run's reports, and how to write them.

#include <string>

#include "soak/report/record.h"

namespace soak::report {

// The path of this run's report in `directory`: "soak-report/Soak-Voice.OpenAiRealtime-virtual.json" for the
// extension ".json". The real mode has no suffix.
std::string report_path(const Record& record, const std::string& directory, const std::string& extension);

// Returns the contents of a file. Throws Error(Errc::kSystem) that names the path.
std::string read_file(const std::string& path);

// Whether write_file() could write `path`, found out before there is anything to write: makes the directories, and
// writes and removes a temporary file of the size of a small report. Returns an error that names the path; empty on
// success.
std::string try_file(const std::string& path);

// Writes `text` to `path` through a temporary file, so that no reader sees half a report. Creates missing directories.
// Returns an error that names the path; empty on success.
std::string write_file(const std::string& path, const std::string& text);

}  // namespace soak::report

#endif  // SOAK_REPORT_FILES_H_

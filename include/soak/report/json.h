// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_JSON_H_
#define SOAK_REPORT_JSON_H_

// The run as JSON, with every series. The shape, "soak.report" version 1:
//   {schema, version, name, title, mode, clock, interrupted, started, asked_s, elapsed_s, seed, cycles, ...,
//    verdict: {passed, findings: [{subject, text, evidence: [{label, text}]}], remarks: [text]},
//    series: [{name, unit, available, timeline: [[time_s, cycle, value]], at_rest: [[time_s, cycle, value]]}]}

#include <string>

#include "soak/report/record.h"

namespace soak::report {

std::string to_json(const Record& record);

// Where the reports of this run go below `directory`: "soak-report/Soak-Voice.OpenAiRealtime-virtual.json".
// The real mode has no suffix.
std::string json_path(const Record& record, const std::string& directory);

// Writes `text` to `path` by way of a temporary file, so that no reader sees half a report, and makes the
// directories it needs. Returns what went wrong, naming the path; empty when it was written.
std::string write_file(const std::string& path, const std::string& text);

}  // namespace soak::report

#endif  // SOAK_REPORT_JSON_H_

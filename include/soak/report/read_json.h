// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_READ_JSON_H_
#define SOAK_REPORT_READ_JSON_H_

// Reads a run back from its JSON report, version 1 or 2 of "soak.report" (soak/report/json.h).
//
// Reading is strict. It refuses text that is not a report, a report of a later version, and a field that is missing or
// of the wrong type. Unknown fields are ignored. Fields that version 1 did not have (operations, trends, whether the
// first and last quiescent points settled) are empty. Judging a record that was read back gives the same verdict, and
// to_json() gives the same text.

#include <string>
#include <string_view>

#include "soak/error.h"
#include "soak/report/record.h"

namespace soak::report {

// Its message states where and what: "old.json:17:5: not JSON: Missing a comma or ] after an array element.",
// "old.json: series[2].unit is \"octets\": expected bytes or count".
// kInvalidArgument; kSystem if the file cannot be read.
class ReadError : public Error {
  using Error::Error;
};

// Messages refer to the text as `name`: its path. Throws ReadError.
Record read_json(std::string_view text, const std::string& name);

// The same for a file.
Record read_json_file(const std::string& path);

}  // namespace soak::report

#endif  // SOAK_REPORT_READ_JSON_H_

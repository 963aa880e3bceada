// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_READ_JSON_H_
#define SOAK_REPORT_READ_JSON_H_

// A run read back from its JSON report, versions 1 and 2 of "soak.report" (soak/report/json.h).
//
// Reading is strict: what is not a report, or a report of a version that came later, is refused, and so is a field that
// is missing or of the wrong kind. Fields it does not know are passed over. What version 1 did not hold (operations,
// trends, whether the first and last quiescent points settled) is empty. A record read back judges as the one that was
// written, and to_json() gives the same text again.

#include <stdexcept>
#include <string>
#include <string_view>

#include "soak/report/record.h"

namespace soak::report {

// Says where and what: "old.json:17:5: not JSON: Missing a comma or ] after an array element.",
// "old.json: series[2].unit is \"octets\"; expected bytes or count".
class ReadError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// `name` is what messages call the text: its path. Throws ReadError.
Record read_json(std::string_view text, const std::string& name);

// The same of a file.
Record read_json_file(const std::string& path);

}  // namespace soak::report

#endif  // SOAK_REPORT_READ_JSON_H_

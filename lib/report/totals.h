// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_REPORT_TOTALS_H_
#define SOAK_LIB_REPORT_TOTALS_H_

// What a run added up besides its series and its counters: `figures`, `traffic`, `open_time` and `answers`, as members
// of a JSON object. The JSON report and the journal both have them.

#include "lib/json/writer.h"
#include "lib/report/json_fields.h"
#include "soak/report/record.h"

namespace soak::report {

void write_totals(json::Writer& json, const Record& record);

// What write_totals() wrote, instead of what `record` has.
void read_totals(const JsonValue& json, Record& record);

}  // namespace soak::report

#endif  // SOAK_LIB_REPORT_TOTALS_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_GROWTH_TEXT_H_
#define SOAK_REPORT_GROWTH_TEXT_H_

// Growth as text.

#include <string>

#include "soak/growth/trend.h"

namespace soak::report {

// "per reconnect", "per second".
std::string per_text(const probe::Trend& trend);

// "+10.2 KiB per reconnect, 99% CI +9.9 KiB to +10.5 KiB; +883.0 MiB per day; since 00:05:00" of what grows, "grew
// by 24.0 MiB until 00:20:00, then rested; more than 40 B per reconnect is excluded at 99%" of what does not, or why it
// was not judged.
std::string trend_text(const probe::Trend& trend);

}  // namespace soak::report

#endif  // SOAK_REPORT_GROWTH_TEXT_H_

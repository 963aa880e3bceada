// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_ANSWERS_H_
#define SOAK_LIB_RUN_ANSWERS_H_

#include <optional>
#include <string>

#include "soak/growth/verdict.h"
#include "soak/report/answers.h"
#include "soak/run_driver.h"

namespace soak {

// Adds a finding if no answer was received though some were asked for, if too few succeeded, or if a bound on their
// times is exceeded. `last_error` is what the provider last reported; it may be empty.
void judge_answers(const std::optional<report::Answers>& answers, const AnswerBounds& bounds,
                   const std::string& last_error, probe::Verdict& verdict);

// Adds a remark that states their times.
void explain_answers(const std::optional<report::Answers>& answers, probe::Verdict& verdict);

}  // namespace soak

#endif  // SOAK_LIB_RUN_ANSWERS_H_

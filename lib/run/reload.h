// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_RELOAD_H_
#define SOAK_LIB_RUN_RELOAD_H_

#include <chrono>

#include "soak/growth/verdict.h"
#include "soak/series/measurements.h"

namespace soak {

// Of memory that a load left behind, whether it was kept for use or lost: the same load came again from `reload_from`
// on, for a part of the time. What was kept serves again, so the second load adds nothing at rest; what was lost is
// lost again, in proportion to the time. Says so under the finding about RSS, or in a remark.
void explain_reload(const probe::Measurements& measured, std::chrono::nanoseconds reload_from, probe::Verdict& verdict);

}  // namespace soak

#endif  // SOAK_LIB_RUN_RELOAD_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_PARTS_H_
#define SOAK_LIB_RUN_PARTS_H_

#include "soak/probe/probe.h"

namespace soak {

// What a soak held over the parts before and one more. Each part is a process of its own, with a baseline of its own,
// so the part's values are shifted until its baseline stands where the parts before ended: residue is judged within
// parts, and what each of them left behind adds up. What was measured before a part's baseline (its warm-up) is left
// out. Counts of operations go on as they are: they are of the whole soak already.
probe::Measurements join_parts(const probe::Measurements& before, const probe::Measurements& part);

}  // namespace soak

#endif  // SOAK_LIB_RUN_PARTS_H_

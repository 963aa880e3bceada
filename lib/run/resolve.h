// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_RESOLVE_H_
#define SOAK_LIB_RUN_RESOLVE_H_

#include <vector>

#include "lib/run/option_registry.h"
#include "soak/options.h"

namespace soak::detail {

// Puts flags, variables, `code` and the defaults together for `mode`. `all`, if given, lists them, and the options of
// the other modules, whose drivers have not set them in code yet. Draws a seed when there is none. Throws
// Error(Errc::kInvalidArgument) for a value in code that is out of range, and for a variable.
Settings resolve(const RunOptions& code, Mode mode, std::vector<Setting>* all = nullptr);

}  // namespace soak::detail

#endif  // SOAK_LIB_RUN_RESOLVE_H_

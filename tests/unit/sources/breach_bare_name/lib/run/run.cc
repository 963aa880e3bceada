// SPDX-License-Identifier: Apache-2.0
// Found beside the file, so the compiler says nothing.

#include "run_state.h"

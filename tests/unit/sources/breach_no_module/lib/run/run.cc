// SPDX-License-Identifier: Apache-2.0
// It is below include/, but no target installs it.

#include "soak/lost.h"

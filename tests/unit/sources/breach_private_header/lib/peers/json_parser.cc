// SPDX-License-Identifier: Apache-2.0
// What the rule is for: peers has the header only because its include path begins at the top of the tree.

#include "lib/json/json.h"

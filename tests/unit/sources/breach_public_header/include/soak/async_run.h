// SPDX-License-Identifier: Apache-2.0
// Who includes this has what soak::drive links for its users.

#include "soak/metrics/endpoint.h"

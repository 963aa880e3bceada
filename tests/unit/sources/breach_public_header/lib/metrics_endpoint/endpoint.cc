// SPDX-License-Identifier: Apache-2.0
#include "soak/metrics/endpoint.h"

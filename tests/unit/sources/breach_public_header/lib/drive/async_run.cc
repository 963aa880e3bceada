// SPDX-License-Identifier: Apache-2.0
#include "soak/async_run.h"
#include "soak/metrics/endpoint.h"

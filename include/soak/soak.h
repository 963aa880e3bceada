// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_SOAK_H_
#define SOAK_SOAK_H_

// What a soak test needs. The fakes and the clients are in soak/peers and soak/voice.

#include "soak/async_run.h"
#include "soak/byte_budget.h"
#include "soak/circuit_breaker.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/gather.h"
#include "soak/log.h"
#include "soak/queue.h"
#include "soak/readiness_gate.h"
#include "soak/run.h"
#include "soak/run_blocking.h"
#include "soak/semaphore.h"
#include "soak/session.h"
#include "soak/soak_test.h"
#include "soak/supervise.h"
#include "soak/task.h"
#include "soak/timeout.h"

#endif  // SOAK_SOAK_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_RUN_H_
#define SOAK_RUN_H_

// A soak: a loop that runs for a set duration, is measured throughout, and is judged at the end.
//
//   soak::Run run;
//   for (auto cycle : run) {
//     cache.put(random_key(), random_blob());
//     run.count("puts");
//   }
//   EXPECT_SOAK(run);
//
// Between two passes nothing of such a loop is in flight: their ends are compared with each other, as often as the
// probe's share of the processor allows. If something of yours still runs then, call cycle.quiescent() where nothing
// does; from the first call on, only those points count.
//
// If a Run is destroyed and nobody has read its verdict, its test fails (without a test, the program aborts). Causes
// are a forgotten EXPECT_SOAK, or an ASSERT. An exception is reported alone; what was measured stays in the journal.
// GTEST_SKIP before the first cycle skips the test; after it, the verdict must be read.
// SIGINT and SIGTERM end the loop: the reports are written and marked as interrupted, and the verdict is FAIL.
// A second signal ends the process.
//
// Growth that is certain ends the run early with FAIL, unless RunOptions::early_stop is false: once memory lies above
// its baseline by more than twice rss_growth_max, or by more than that for half of the duration; once the growth of a
// count was certain for half of the duration. Any other leak fails the run at its end. The run looks at quiescent
// points (without any, between cycles), each look a tenth later than the last; the progress line shows what the last
// one saw. A run is never declared clean before its full duration. If it ended early, its cycles and traffic are not
// judged. A smoke run never ends early.
//
// A time in which this process did not run (SIGSTOP, or the machine was suspended) is noted. What was due then, and
// cycles that failed then, are counted apart and are inconclusive.
//
// Use a Run on the thread that built it; only count() may be called on any thread.

#include "soak/detail/run_class.h"
#include "soak/growth/verdict.h"
#include "soak/options.h"
#include "soak/probe/probe.h"
#include "soak/report/record.h"

#endif  // SOAK_RUN_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_ASYNC_RUN_H_
#define SOAK_ASYNC_RUN_H_

// A Run with its own EventLoop, for coroutines: a UvLoop in real time, or a VirtualLoop with --soak_virtual.
//
//   soak::AsyncRun run({.reconnect_every = 90s});
//   run.drive([&](soak::Cycle& cycle) -> soak::Task<> {   // One connection's life.
//     Client client(run.loop());
//     co_await client.connect();
//     co_await client.stream_until(cycle.ends_at());
//     co_await client.close();
//   });
//   EXPECT_SOAK(run);
//
// Cycle k ends at start + (k+1) x reconnect_every, however long connecting took. Closing and settling take time from
// the next cycle. In a run of at least twenty cycles, lengths vary in pairs: one is longer by up to 30%, the next
// shorter by as much. So growth per cycle can be told from growth over time, while the rate and the number of cycles
// stay the same.
//
// After each cycle the run settles: it runs the loop until the live tasks, the descriptors and the closing handles are
// what they were at the previous quiescent point, or have not changed for 50 ms, and for at most 2 s. (A driver that
// has a slower timer declares it, RunDriver::has_timer(); then for as long as that, and at most twice.) That is a
// quiescent point.
//
// With --soak_reload, the same load comes again afterwards, for a tenth of the time: see RunOptions::reload.
//
// With --soak_sessions=1800, drive() keeps 1,800 sessions open, running `body` once per session; Cycle::session() is
// the session's number. Each reconnects every reconnect_every, at times drawn from the seed, so that reconnects do not
// come in waves. Twenty times in a run (at most at every second reconnect, and at least twice), all sessions end within
// a tenth of the time between, the run settles, and they start again: those are the quiescent points. Cycles and
// counters are summed over all sessions.
//
// These metrics (soak/metrics/metrics.h) exist while the run exists:
//
//   soak_cycles_total, soak_failed_cycles_total
//   soak_events_total{event="frames"}             the counters of Run::count()
//   soak_run_info{name="Soak/Voice.OpenAiRealtime",mode="real"}   is 1
//
// and the probe's latest values (soak/metrics/probe_families.h). With --soak_metrics_port it serves them on 127.0.0.1
// from before the first cycle, and prints the address. If a process has several AsyncRuns, the oldest is exported.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/run.h"
#include "soak/task.h"

namespace soak {

// Options set in code, in addition to RunOptions.
struct AsyncRunOptions {
  // The port of 127.0.0.1 where the run serves its metrics to Prometheus, on the real clock; 0 picks a free port. Off
  // by default. Set it to watch a long run while it runs.
  std::optional<std::uint16_t> metrics_port = std::nullopt;
};

class RunMetrics;

class AsyncRun : public Run {
 public:
  explicit AsyncRun(RunOptions options = {}, AsyncRunOptions more = {});
  ~AsyncRun();

  // The loop lives as long as the run. Use it on the run's thread only.
  EventLoop& loop() { return *loop_; }

  // Runs `body` cycle after cycle, on this thread, until the time is over, a leak is certain or the run is interrupted.
  // Call it once.
  //
  // If `body` throws soak::Error, the cycle has failed: it is counted, the first messages are kept, and the cycle is
  // retried after a jittered exponential backoff. If `body` is still running 30 s after its cycle's end, it is
  // cancelled, and that is a failed cycle too. Any other exception, and Error(Errc::kInvalidArgument), which would come
  // again in every cycle, ends the run with FAIL.
  //
  // With more than one session, whatever `body` captures is shared by all of them.
  void drive(std::function<Task<>(Cycle&)> body);

  // Where the metrics are served, "http://127.0.0.1:9464/metrics"; empty where they are not.
  std::string metrics_url() const;

  Iterator begin() = delete;  // The cycles are those of drive().
  Sentinel end() = delete;

 private:
  struct Counts;
  struct Round;
  enum class CycleOutcome { kFinished, kFailed, kEnded };

  void ready_descriptors(std::uint64_t sessions);
  Task<> drive_cycles(const std::function<Task<>(Cycle&)>& body);
  Task<> run_cycles(const std::function<Task<>(Cycle&)>& body, const std::vector<std::chrono::nanoseconds>& ends,
                    std::uint64_t first);
  Task<> drive_sessions(const std::function<Task<>(Cycle&)>& body);
  Task<> run_rounds(const std::function<Task<>(Cycle&)>& body, std::chrono::nanoseconds from,
                    const std::vector<std::chrono::nanoseconds>& ends, std::mt19937_64& random);
  bool loads_again();
  std::vector<std::chrono::nanoseconds> begin_reload(std::vector<std::chrono::nanoseconds> ends);
  Task<> run_round(const std::function<Task<>(Cycle&)>& body, Round& round);
  Task<> run_session(const std::function<Task<>(Cycle&)>& body, Round& round, std::uint32_t session);
  Task<CycleOutcome> run_cycle(const std::function<Task<>(Cycle&)>& body, Cycle& cycle, Event& wake,
                               std::chrono::nanoseconds look);
  Task<> pause_until(std::chrono::nanoseconds at, Event& wake);
  std::chrono::nanoseconds look_every() const;
  bool stopping() const { return crashed_ || interrupted(); }
  Task<> pause_until(std::chrono::nanoseconds at);
  Task<> settle();
  Counts counts() const;

  std::unique_ptr<EventLoop> loop_;
  bool crashed_ = false;              // A body threw what ends the run.
  std::uint64_t cycles_begun_ = 0;    // In this process, of many sessions.
  std::uint64_t cycles_due_ = 0;      // The same.
  std::chrono::nanoseconds until_{};  // When the load of this process ends.
  std::unique_ptr<Counts> at_rest_;   // At the last quiescent point.
  std::unique_ptr<RunMetrics> metrics_;
};

}  // namespace soak

#endif  // SOAK_ASYNC_RUN_H_

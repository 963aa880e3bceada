// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_ASYNC_RUN_H_
#define SOAK_ASYNC_RUN_H_

// A Run with its EventLoop, for code made of coroutines: a UvLoop in real time, a VirtualLoop with --soak_virtual.
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
// Cycle k ends at start + (k+1) x reconnect_every, whatever connecting took; closing and settling come out of the next
// one. In a run of twenty cycles or more their length varies in pairs, longer by up to 30% and then shorter by as
// much, so that what grows per cycle can be told from what grows with time; rate and number of cycles stay.
//
// After each cycle the run settles: it turns the loop until the live tasks, the descriptors and the closing handles are
// what they were at the previous quiescent point, or have not moved for 50 ms, at most 2 s. That is a quiescent point.
//
// With --soak_sessions=1800 drive() holds as many sessions open at once: `body` runs so many times side by side, and
// Cycle::session() says for which. Each reconnects every reconnect_every, at moments drawn from the seed, so that no
// wave of reconnects comes about. Twenty times in a run, no more often than every second reconnect and twice at the
// least, all of them end, within a tenth of the time between, the run settles, and they begin again: those are its
// quiescent points. Cycles and counters are of all sessions together.
//
// Its metrics (soak/metrics/metrics.h) are there as long as it lives:
//
//   soak_cycles_total, soak_failed_cycles_total
//   soak_events_total{event="frames"}             the counters of Run::count()
//   soak_run_info{name="Soak/Voice.OpenAiRealtime",mode="real"}   is 1
//
// and what its probe saw (soak/metrics/probe_families.h). With --soak_metrics_port it serves them, from before the
// first cycle, on 127.0.0.1, and prints where. Of several AsyncRuns in a process the oldest is shown.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/run.h"
#include "soak/task.h"

namespace soak {

// Options as code sets them, beside RunOptions.
struct AsyncRunOptions {
  // The port of 127.0.0.1 where the run serves its metrics to Prometheus, on the real clock; 0 is any free port. Off
  // unless set. Set it to watch a long run while it goes on.
  std::optional<std::uint16_t> metrics_port = std::nullopt;
};

class AsyncRun : public Run {
 public:
  explicit AsyncRun(RunOptions options = {}, AsyncRunOptions more = {});
  ~AsyncRun();

  // Lives as long as the run. On the thread of the run only.
  EventLoop& loop() { return *loop_; }

  // Runs `body` cycle after cycle until the time is over, a leak is certain or the run is interrupted, on this thread.
  // Once.
  //
  // A body that throws soak::Error is a failed cycle: it is counted, its first messages are kept, and the cycle is
  // tried again after a jittered exponential back-off. A body that is still not done 30 s after its cycle's end is
  // cancelled, and is a failed cycle too. Any other exception ends the run: its verdict is FAIL.
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
  struct Shown;
  enum class CycleOutcome { kFinished, kFailed, kEnded };

  void ready_descriptors(std::uint64_t sessions);
  void serve_metrics(std::uint16_t port);
  Task<> drive_cycles(const std::function<Task<>(Cycle&)>& body);
  Task<> drive_sessions(const std::function<Task<>(Cycle&)>& body);
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
  bool crashed_ = false;             // A body threw what ends the run.
  std::uint64_t cycles_begun_ = 0;   // In this process, of many sessions.
  std::unique_ptr<Counts> at_rest_;  // At the last quiescent point.
  std::unique_ptr<Shown> shown_;     // Its metrics, and the endpoint that serves them.
};

}  // namespace soak

#endif  // SOAK_ASYNC_RUN_H_

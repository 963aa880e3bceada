// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_RUN_H_
#define SOAK_RUN_H_

// One soak: a loop that lasts as long as it was asked to, watched all the time, and judged at its end.
//
//   soak::Run run;
//   for (auto cycle : run) {
//     cache.put(random_key(), random_blob());
//     run.count("puts");
//     cycle.quiescent();        // Here the process should hold what it held before.
//   }
//   EXPECT_SOAK(run);
//
// A Run that is destroyed before anybody asked for its verdict fails its test (or aborts where there is no
// test): a forgotten EXPECT_SOAK, an ASSERT, an exception. GTEST_SKIP before the first cycle skips the test; from the
// first cycle on there is a verdict to read. SIGINT and SIGTERM end the loop; the reports are written as
// interrupted, and the verdict is FAIL. A second one ends the process.
//
// A leak that is certain ends the run early, as FAIL, unless RunOptions::early_stop is false: looked for at quiescent
// points (in a loop without any, between cycles), each time a tenth later. Nothing is said to be clean before its
// time, and of a run that ended early neither cycles nor traffic are judged. A smoke run never ends early.
//
// All of it belongs to the thread that made the Run, but for count(), which any thread may call.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "soak/growth/verdict.h"
#include "soak/options.h"
#include "soak/probe/probe.h"
#include "soak/report/record.h"

namespace soak {

class Run;
using probe::Finding;
using probe::GaugeOptions;
using probe::Verdict;

// One pass of a soak. What a cycle is, the test decides: a request, a connection's whole life.
class [[maybe_unused]] Cycle {
 public:
  // `ends_at` is the time since the start of the run at which the cycle is over.
  Cycle(Run& run, std::uint64_t number, std::chrono::nanoseconds ends_at, std::uint32_t session = 0)
      : run_(&run), number_(number), ends_at_(ends_at), session_(session) {}

  Run& run() const { return *run_; }
  std::uint64_t number() const { return number_; }    // From 0, in the order in which they began.
  std::uint32_t session() const { return session_; }  // Whose cycle it is: from 0, below Settings::sessions.
  std::chrono::nanoseconds ends_at() const { return ends_at_; }

  // Says that nothing is in flight: what the process holds now is compared with the other such points. Points
  // that come faster than the probe's share of the processor allows are passed over. In a loop over a Run only;
  // AsyncRun finds its quiescent points itself.
  void quiescent();

 private:
  Run* run_;
  std::uint64_t number_;
  std::chrono::nanoseconds ends_at_;
  std::uint32_t session_;
};

enum class ServiceCost { kFree, kBySession };

class Run {
 public:
  // Throws Error(Errc::kInvalidArgument) for an option that is out of range. On the virtual clock a Run skips its test:
  // only an AsyncRun has one.
  explicit Run(RunOptions options = {});
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  struct Sentinel {};
  class Iterator {
   public:
    explicit Iterator(Run& run) : run_(&run) {}
    Cycle operator*() const;
    Iterator& operator++();
    bool operator!=(Sentinel) const;

   private:
    Run* run_;
  };
  Iterator begin();
  Sentinel end() { return {}; }

  // Adds to a counter of the summary line. `name` is a word such as "frames"; at most 32 names.
  void count(std::string_view name, std::uint64_t n = 1);
  std::uint64_t counted(std::string_view name) const;

  // An event of the stream `name` was due at this time since the start of the run; or was done that was due
  // then, which counts it too. Both are judged by the time they were due: within 1% (two events at the least)
  // over the run and over each third of it. How long after it was due met() is called is the event's lateness; its
  // median, 99th percentile and maximum are in the report.
  void due(std::string_view name, std::chrono::nanoseconds at);
  void met(std::string_view name, std::chrono::nanoseconds at);

  // Marks this time in the charts of the report; `kind` is "fault" for one that was put in, "note" for anything else.
  // The first 256 are kept, with up to 160 bytes of text; later ones are counted.
  void mark(std::string_view kind, std::string_view text);

  // Watches a count of the program's own, which must be back at its baseline when the run ends. `read` is called
  // from the probe's thread. Before the first cycle. A gauge that stands for what the kernel counts too is compared
  // with that: run.add_gauge("sessions", read, {.stands_for = "sockets"}). Throws Error(Errc::kInvalidArgument) where
  // there is no such count, and names those there are.
  void add_gauge(std::string name, std::function<std::int64_t()> read, GaugeOptions options = {});

  // Watches another process besides: what it holds is judged as "<name>.rss", "<name>.fds", "<name>.sockets" and
  // "<name>.threads", and that it ended while the run went on is a finding. Before the first cycle. Throws
  // Error(Errc::kSystem) where there is no such process, or its descriptors may not be read, and says which.
  void watch_process(probe::ProcessId id, std::string name);

  // The run is against a service: it is skipped unless it runs in real time. Against one that charges for its sessions
  // it is refused, so that its test fails and says why, where these (settings().sessions) would last longer together
  // than
  // --soak_service_time_max, ten minutes unless set. Before the first cycle.
  void use_service(ServiceCost cost = ServiceCost::kBySession);

  // What the test found itself, such as a message that was delivered twice: a finding fails the verdict, a note is
  // printed below it. Before verdict().
  void add_finding(Finding finding);
  void add_note(std::string text);

  const Settings& settings() const;
  Mode mode() const;
  std::uint64_t seed() const { return settings().seed; }
  std::chrono::nanoseconds elapsed() const;
  bool interrupted() const;
  bool ended_early() const;  // A leak became certain, and early_stop is on.

  // Ends the run if it has not ended, judges it and writes the report; the same verdict from then on.
  const Verdict& verdict();

  // The summary line and the details below it, as EXPECT_SOAK prints them. After verdict().
  std::string summary() const;
  const report::Record& record() const;
  // Where the report's page is; empty where none was written. After verdict().
  const std::string& report_page() const;

 protected:
  // For a driver that turns the cycles itself; see soak/run_driver.h.
  struct Driven {};
  Run(RunOptions options, Driven);

 private:
  friend class Cycle;
  friend class RunDriver;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak

#endif  // SOAK_RUN_H_

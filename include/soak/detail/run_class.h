// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_RUN_CLASS_H_
#define SOAK_DETAIL_RUN_CLASS_H_

// Run and Cycle, which soak/run.h explains, without the types of a verdict and of a record: a test file that only runs
// soaks and expects them to pass (soak/soak_test.h) does not pay for compiling these. Include soak/run.h.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "soak/options.h"

namespace soak::probe {
struct Finding;
struct GaugeOptions;
struct ProcessId;
struct Verdict;
}  // namespace soak::probe
namespace soak::report {
struct Record;
}

namespace soak {

class Run;
using probe::Finding;
using probe::GaugeOptions;
using probe::Verdict;

// One pass of a soak. You decide what a cycle is: a request, or a connection's whole life.
class [[maybe_unused]] Cycle {
 public:
  // `ends_at` is when the cycle ends, since the start of the run.
  Cycle(Run& run, std::uint64_t number, std::chrono::nanoseconds ends_at, std::uint32_t session = 0)
      : run_(&run), number_(number), ends_at_(ends_at), session_(session) {}

  Run& run() const { return *run_; }
  std::uint64_t number() const { return number_; }    // From 0, in order of their start.
  std::uint32_t session() const { return session_; }  // Its session: from 0, below Settings::sessions.
  std::chrono::nanoseconds ends_at() const { return ends_at_; }

  // Marks a quiescent point: nothing is in flight, and what the process holds now is compared with the other such
  // points. Without a call, the ends of passes are compared. Points that come faster than the probe's share of the
  // processor allows are skipped. Call it in a loop over a Run only; AsyncRun finds its own quiescent points.
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
  // Throws Error(Errc::kInvalidArgument) for an option that is out of range. In virtual mode, a Run skips its test;
  // only an AsyncRun has a virtual clock.
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

  // due() records that an event of the stream `name` is due `at` this time since the start of the run. met() records
  // that the event due at that time has happened, and counts it. The verdict compares the two, by due time: they must
  // agree within 1% (at least two events) over the run and over each third of it. The time from due to met() is the
  // event's lateness; its median, 99th percentile and maximum are in the report.
  void due(std::string_view name, std::chrono::nanoseconds at);
  void met(std::string_view name, std::chrono::nanoseconds at);

  // Marks the current time in the charts of the report. `kind` is "fault" for an injected fault, or "note" for anything
  // else. The first 256 marks are kept, with up to 160 bytes of text each; later ones are only counted.
  void mark(std::string_view kind, std::string_view text);

  // Watches a count of your own, which must be back at its baseline when the run ends. `read` is called on the probe's
  // thread, and may return nothing when there is no value. Call this before the first cycle. If the kernel counts the
  // same thing, name its count, and the two are compared: run.add_gauge("sessions", read, {.stands_for = "sockets"}).
  // Throws Error(Errc::kInvalidArgument), listing the existing counts, if there is no such count.
  void add_gauge(std::string name, std::function<std::optional<std::int64_t>()> read);
  void add_gauge(std::string name, std::function<std::optional<std::int64_t>()> read, GaugeOptions options);

  // Also watches another process. What it holds is judged as "<name>.rss", "<name>.fds", "<name>.sockets" and
  // "<name>.threads". If it ends before the run does, that is a finding. Call this before the first cycle, and again
  // with the same name when another process has taken its place: its series go on with a new segment, and that the
  // first one ended is no finding. Throws Error(Errc::kSystem) if there is no such process or its descriptors cannot be
  // read; the message states which.
  void watch_process(probe::ProcessId id, std::string name);

  // Declares that the run is against a real service. It is then skipped unless it runs in real time. If the service
  // charges for its sessions (kBySession) and all sessions together would exceed --soak_service_time_max (ten minutes
  // by default), the run is refused and its test fails with the reason. Call this before the first cycle.
  void use_service(ServiceCost cost = ServiceCost::kBySession);

  // Adds something that your test found itself, such as a message delivered twice. A finding fails the verdict. A note
  // is printed below it. Call these before verdict().
  void add_finding(Finding finding);
  void add_note(std::string text);

  const Settings& settings() const;
  Mode mode() const;
  std::uint64_t seed() const { return settings().seed; }
  std::chrono::nanoseconds elapsed() const;
  bool interrupted() const;
  bool ended_early() const;  // Growth was certain and far over budget, and early_stop is on.

  // Ends the run if it has not ended, judges it, and writes the report. Later calls return the same verdict. It may
  // have passed and still be inconclusive: with RunOptions::leak_max, EXPECT_SOAK then fails.
  const Verdict& verdict();

  // The summary line and the details below it, as printed by EXPECT_SOAK. Call it after verdict().
  std::string summary() const;
  const report::Record& record() const;
  // The path of the report's page; empty if none was written. Call it after verdict().
  const std::string& report_page() const;

 protected:
  // For a driver that runs the cycles itself; see soak/run_driver.h.
  struct Driven {};
  Run(RunOptions options, Driven);

 private:
  friend class Cycle;
  friend class RunDriver;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak

#endif  // SOAK_DETAIL_RUN_CLASS_H_

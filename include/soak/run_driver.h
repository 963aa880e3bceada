// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_RUN_DRIVER_H_
#define SOAK_RUN_DRIVER_H_

// What code that drives a Run needs of it: AsyncRun, voice::stream_microphone(), channels::MessageStream, or a driver
// of your own. A test needs only soak/run.h.
//
// A driver that works within a cycle sets the title and reads its options:
//
//   soak::RunDriver driver(cycle.run());
//   driver.describe("QUEUE SOAK / orders", "round");
//
// A driver that runs the cycles itself, on a loop or a clock of its own, derives from Run, so that EXPECT_SOAK accepts
// it:
//
//   class BatchRun : public soak::Run {
//    public:
//     explicit BatchRun(soak::RunOptions options = {}) : Run(std::move(options), Driven{}) {}
//
//     void drive(const std::function<void(soak::Cycle&)>& body) {
//       soak::RunDriver driver(*this);
//       driver.begin_run();
//       while (elapsed() < driver.part_to() && !interrupted() && !ended_early()) {
//         soak::Cycle cycle(*this, driver.cycles(), driver.part_to());
//         try {
//           body(cycle);
//           driver.finish_cycle();
//         } catch (const soak::Error& error) {
//           driver.fail_cycle(error.what());
//         }
//         driver.quiescent_point();
//       }
//       driver.end_run();
//     }
//   };
//
// A RunDriver is a handle: copy it freely, and keep the Run alive longer. Use it on the thread of the Run; the calls at
// the end of the class may be made on any thread.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "soak/option_table.h"
#include "soak/probe/probe.h"
#include "soak/report/record.h"
#include "soak/run.h"

namespace soak {

// What answers must be like. A bound that is not set is not judged, and none is in a smoke run.
struct AnswerBounds {
  double floor = 0;  // The smallest share that must be received, of those that this side did not cut off.
  // From the end of the user's speech to the first audio.
  std::optional<std::chrono::nanoseconds> first_audio_p50_max = std::nullopt;
  std::optional<std::chrono::nanoseconds> first_audio_p99_max = std::nullopt;
  std::optional<std::chrono::nanoseconds> audio_gap_max = std::nullopt;  // The longest silence within an answer.
};

class RunDriver {
 public:
  explicit RunDriver(Run& run) : state_(run.state_.get()) {}

  // Options (soak/option_table.h)

  // The value of an option of your driver: from its flag or variable, or else `in_code`, or else the default. The
  // report lists it. Once a call has given `in_code`, later calls may leave it out. T is the type of the option's kind.
  // Throws Error(Errc::kInvalidArgument) for an `in_code` that is out of range, and aborts if no OptionTable has the
  // option. Call it before the first cycle if you can: a soak in parts is then refused if an earlier part ran with
  // another value.
  template <typename T>
  T setting(const Option& option, std::optional<T> in_code = std::nullopt) {
    return *find_setting<T>(option, in_code);
  }

  // The same for an option without a default: empty if it is not set.
  template <typename T>
  std::optional<T> find_setting(const Option& option, std::optional<T> in_code = std::nullopt);

  // What the report shows

  // Sets the title, unless the test has set one, and the word for a cycle. May be called again in every cycle.
  void describe(std::string_view title, std::string_view cycle_noun);

  // Sets what the summary line shows first, in place of the run's counters. The last call counts. Call it before
  // verdict().
  void show_figures(std::vector<report::Figure> figures);

  // A soak in parts (--soak_checkpoint): each process runs one part. Without a checkpoint there is one part.

  // What the part before this one showed as the figure `name`; empty if there was none.
  std::string figure_before(std::string_view name) const;

  // The counter `name` and the finished cycles of this process alone, to compare with the other end of its connections.
  std::uint64_t counted_in_part(std::string_view name) const;
  std::uint64_t cycles_in_part() const;

  // When this part begins and ends, measured from the start of the soak; the number of its first cycle; and the seed
  // for its event loop.
  std::chrono::nanoseconds part_from() const;
  std::chrono::nanoseconds part_to() const;
  std::uint64_t first_cycle() const;
  std::uint64_t part_seed() const;

  // Running the cycles

  // Takes the run's time from `clock`, the virtual time of a loop that outlives the run. Call it before begin_run().
  void use_virtual_clock(std::function<std::chrono::nanoseconds()> clock);

  // begin_run() starts the clock, the probe, the journal, and the handlers of SIGINT and SIGTERM. A second call aborts.
  // end_run() takes the last sample; without begin_run() it does nothing.
  void begin_run();
  void end_run();

  // Refuses to start the run: its test fails with `why` as its only message. Throws detail::RunRefused, which SOAK_TEST
  // catches.
  [[noreturn]] void refuse(const std::string& why);

  // False for a watch without a duration, which lasts until whoever drives it ends it.
  bool has_duration() const;

  // Sets how many cycles this part should finish. The verdict allows one more or one less. Without a call, any number
  // above 0 passes.
  void expect_cycles(std::uint64_t count);
  void finish_cycle() { finish_cycles(1); }
  void finish_cycles(std::uint64_t count);  // For a driver that learns only how many there were.
  void fail_cycle(std::string_view what);   // An error from outside: counted, and the first five messages kept.

  // These make the verdict FAIL: an exception that ended the run, and a blocking call that never returned.
  void crash(std::string_view what);
  void straggler(std::string_view what);

  // Call it when nothing is in flight. `unsettled_by` names a count that was still moving, if one was. This may end the
  // run early: check Run::ended_early() afterwards.
  void quiescent_point(std::string_view unsettled_by = {});

  // Call it after each pass of a loop in which work may be in flight: a candidate for a quiescent point, taken as often
  // as the probe's share allows. `last` says that no other one follows. This may end the run early.
  void end_pass(bool last);

  // Says that the load of the run is over and drained, and that the same load begins again (RunOptions::reload). The
  // verdict says of the memory that the first load left whether the second one used it again or added to it.
  void begin_reload();
  std::chrono::nanoseconds reload_time()
      const;  // How long that lasts: 0 unless it is asked for, and this the last part.

  // Declares a timer of the code under soak, after which it gives something back: an idle connection that is closed,
  // say. Settling lasts at least as long as the slowest of them. May be called again in every cycle.
  void has_timer(std::chrono::nanoseconds after);
  std::chrono::nanoseconds slowest_timer() const;  // 0 without one.

  // Sessions and answers

  // A driver that runs the cycles states how many sessions its schedule wants open from one time to another. Each call
  // ends the period before.
  void want_sessions(std::uint64_t count, std::chrono::nanoseconds from, std::chrono::nanoseconds to);
  // A driver within the cycles calls report_sessions() before its session can be open, so that a run in which none
  // opens is judged too; and then session_open() for each stretch of time, up to now, in which it was open.
  void report_sessions();
  void session_open(std::chrono::nanoseconds from, std::chrono::nanoseconds to);

  // What the driver within the cycles asked the provider for: add to it. The last call's bounds count. `last_error` is
  // what the provider last reported, for the finding.
  report::Answers& answers();
  void bound_answers(const AnswerBounds& bounds);
  void answer_error(std::string_view last_error);

  // Takes a sample of what the process holds. On the real clock the probe's thread does so by itself.
  void sample();

  // Writes into the journal, now and then, what is added up so far: traffic, open time, answers, figures. A driver that
  // runs the cycles calls it at least once a second, so that they survive if the process is killed.
  void keep_totals();

  // Records how many bytes of RSS one more session adds to this process.
  void session_holds(std::int64_t rss_bytes);

  // These may be called on any thread.
  std::uint64_t cycles() const;  // Finished, in all parts so far.
  std::uint64_t failed_cycles() const;
  std::vector<report::Counter> counters() const;
  std::vector<probe::Reading> held() const;  // The probe's latest readings.

 private:
  const std::optional<OptionValue>& in_force(const Option& option, const std::optional<OptionValue>& in_code);

  Run::State* state_;
};

template <typename T>
std::optional<T> RunDriver::find_setting(const Option& option, std::optional<T> in_code) {
  constexpr bool kIsNumber = std::is_integral_v<T> && !std::is_same_v<T, bool>;
  using Held = std::conditional_t<kIsNumber, std::uint64_t, T>;
  const std::optional<OptionValue>& value =
      in_force(option, in_code ? std::optional<OptionValue>(static_cast<Held>(*in_code)) : std::nullopt);
  return value ? std::optional<T>(static_cast<T>(std::get<Held>(*value))) : std::nullopt;
}

}  // namespace soak

#endif  // SOAK_RUN_DRIVER_H_

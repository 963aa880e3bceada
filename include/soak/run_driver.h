// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_RUN_DRIVER_H_
#define SOAK_RUN_DRIVER_H_

// The other face of a Run, for code that drives one: AsyncRun and its coroutines, voice::stream_microphone(),
// channels::MessageStream, or a driver of your own. A test needs soak/run.h alone.
//
// A driver that helps within a cycle names things and reads its options:
//
//   soak::RunDriver driver(cycle.run());
//   driver.describe("QUEUE SOAK / orders", "round");
//
// A driver that turns the cycles itself, on a loop or a clock of its own, derives from Run, so that EXPECT_SOAK takes
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
// A RunDriver is a handle: it is copied freely, and the Run outlives it. It belongs to the thread of the Run, but for
// the calls below that any thread may make.

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

class RunDriver {
 public:
  explicit RunDriver(Run& run) : state_(run.state_.get()) {}

  // Options, as soak/option_table.h defines them

  // The value in force of an option of your driver: that of its flag or variable, or else `in_code`, or else the
  // default. The report lists it. Once a call has given `in_code`, later calls may leave it out. T is the type of the
  // option's kind. Throws Error(Errc::kInvalidArgument) for an `in_code` that is out of range, and aborts if the option
  // is in no OptionTable. Call it before the first cycle if you can: a soak in parts is then refused if an earlier part
  // ran with another value.
  template <typename T>
  T setting(const Option& option, std::optional<T> in_code = std::nullopt) {
    return *find_setting<T>(option, in_code);
  }

  // The same for an option without a default: empty where nobody set it.
  template <typename T>
  std::optional<T> find_setting(const Option& option, std::optional<T> in_code = std::nullopt);

  // What the report says

  // The title, unless the test has set one, and the word for a cycle. May be called again in every cycle.
  void describe(std::string_view title, std::string_view cycle_noun);

  // What the summary line shows first, in place of the run's counters. The last call counts. Before verdict().
  void show_figures(std::vector<report::Figure> figures);

  // A soak in parts (--soak_checkpoint): each process runs one. Where one process runs all of it, that is one part.

  // What the part before this one showed as the figure `name`; empty where there was none.
  std::string figure_before(std::string_view name) const;

  // The counter `name`, and the finished cycles, of this process alone: what can be compared with the other end of its
  // connections.
  std::uint64_t counted_in_part(std::string_view name) const;
  std::uint64_t cycles_in_part() const;

  // When this part begins and ends since the start of the soak, the number of its first cycle, and the seed for its
  // event loop.
  std::chrono::nanoseconds part_from() const;
  std::chrono::nanoseconds part_to() const;
  std::uint64_t first_cycle() const;
  std::uint64_t part_seed() const;

  // Turning the cycles

  // Takes the run's time from `clock`, the virtual time of a loop, which outlives the run. Before begin_run().
  void use_virtual_clock(std::function<std::chrono::nanoseconds()> clock);

  // The run starts: its clock, the probe, the journal, and the handlers of SIGINT and SIGTERM. Once; a second call
  // aborts. end_run() takes the last sample; without begin_run() it does nothing.
  void begin_run();
  void end_run();

  // The run must not start: its test fails with `why` alone. Throws detail::RunRefused, which SOAK_TEST catches.
  [[noreturn]] void refuse(const std::string& why);

  // How many cycles the schedule of this part holds. The verdict allows one more or one less. Without a call, any
  // number above 0 will do.
  void expect_cycles(std::uint64_t count);
  void finish_cycle();
  void fail_cycle(std::string_view what);  // The outside world failed: counted, and the first five messages kept.

  // The program itself is wrong, and the verdict is FAIL: an exception that ended the run, or a blocking call that
  // never returned.
  void crash(std::string_view what);
  void straggler(std::string_view what);

  // Nothing is in flight now. `unsettled_by` names what still moved, if anything did. May end the run early: ask
  // Run::ended_early() afterwards.
  void quiescent_point(std::string_view unsettled_by = {});

  // Reads what the process holds now. On the real clock the probe's thread does so by itself.
  void sample();

  // By how many bytes of RSS one more session makes this process larger.
  void session_holds(std::int64_t rss_bytes);

  // On any thread.
  std::uint64_t cycles() const;  // Finished, in all parts so far.
  std::uint64_t failed_cycles() const;
  std::vector<report::Counter> counters() const;
  std::vector<probe::Reading> held() const;  // What the probe saw last.

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

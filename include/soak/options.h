// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_OPTIONS_H_
#define SOAK_OPTIONS_H_

// The options of a run.
//
// Each option can be set by a flag (--soak_duration=90s), by a variable of the same name (SOAK_DURATION=90s), or in
// code (RunOptions{.duration = 90s}). A flag beats a variable, a variable beats code, code beats the default. A value
// that does not parse is an error that names the option, the value and what is expected. --help lists the options of a
// program.
//
// Options of other modules are with the driver that reads them: soak/async_run.h, soak/voice/microphone.h,
// soak/channels/message_stream.h. soak/option_table.h adds one of your own.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace soak {

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;

// Options as code sets them. What is not set keeps its default.
struct RunOptions {
  // The text in brackets at the start of the summary line; "SOAK / <name of the test>" unless the code or a driver sets
  // it. In code only.
  std::string title = {};

  // How long the soak runs; 60 minutes. The smallest leak that a run can rule out shrinks as it gets longer: set hours
  // for a release, a minute while you work on the test.
  std::optional<std::chrono::nanoseconds> duration = std::nullopt;

  // How long a cycle of AsyncRun::drive() lasts, which is one connection's life; 90 seconds. Shorten it to see more
  // reconnects in less time, lengthen it to hold connections as long as production does.
  std::optional<std::chrono::nanoseconds> reconnect_every = std::nullopt;

  // How many sessions AsyncRun::drive() keeps open at once, from 1 to 100,000; one. Raise it to soak a service's load,
  // or to find what only sessions side by side do to each other.
  std::optional<std::uint32_t> sessions = std::nullopt;

  // How far RSS may end above its baseline, in bytes; 50 MiB. Lower it once you know what a clean run needs; raise it
  // for a program that fills caches as it goes.
  std::optional<std::uint64_t> rss_growth_max = std::nullopt;

  // How much heap a cycle may leave behind, in bytes; 16 KiB. Raise it if a cycle covers many connections, or keeps
  // something on purpose.
  std::optional<std::uint64_t> heap_per_cycle_max = std::nullopt;

  // The smallest share of the scheduled session time in which the sessions must be open, from 0 to 1; 0.95.
  // The time in which many sessions connect or close does not count, nor settling; a back-off counts as closed. Not
  // judged in a smoke run, or if no driver reports when its sessions are open. Lower it for a soak that plans outages.
  std::optional<double> open_floor = std::nullopt;

  // What may leak, of every series in bytes: a size per time or per operation, such as "10MiB/day" or "64B/reconnect"
  // (the operation in the word of the summary line, singular or plural). Growth that is certain, but certainly below
  // it, is a note. If the run could show neither that nor a leak, it is inconclusive: its test fails, and the message
  // says how long a run would have to be. None by default: any certain leak fails, and what was not seen is stated. Set
  // it once you know what you can afford.
  std::optional<std::string> leak_max = std::nullopt;

  // How much memory the program may hold where it will run, in bytes. Findings and notes about memory that grows say
  // when that is reached. None by default.
  std::optional<std::uint64_t> memory_limit = std::nullopt;

  // Every count (descriptors, sockets, threads, tasks, gauges) must be back at its baseline at the end; off: a count
  // may rise once, as libraries open a file or start a thread when they first need it. Turn it on if every cycle ends
  // everything that it began, as a cycle of whole connections does.
  std::optional<bool> counts_exact = std::nullopt;

  // After the run, put the same load on again for a tenth of its time, of AsyncRun::drive(); off. Memory that the
  // second load uses again was kept for use, memory that it adds to was lost, and the verdict says which. Turn it on
  // when RSS stays up after a run and you want to know why.
  std::optional<bool> reload = std::nullopt;

  // How much session time a run may use, summed over its sessions, after Run::use_service(); ten minutes. A longer run
  // is refused. Raise it when you are willing to pay for more.
  std::optional<std::chrono::nanoseconds> service_time_max = std::nullopt;

  // The seed of all randomness: cycle lengths, jitter, ids, faults. Drawn and printed unless set. Set it to rerun a
  // failure.
  std::optional<std::uint64_t> seed = std::nullopt;

  // On a virtual clock: run what is ready in an order drawn from the seed, instead of first come, first served; off.
  // Turn it on to find code that relies on an order that is not guaranteed.
  std::optional<bool> shuffle = std::nullopt;

  // End the run, as FAIL, once growth is certain and far over budget (soak/run.h); on. Turn it off to see how far a
  // leak goes.
  std::optional<bool> early_stop = std::nullopt;

  // The directory for the reports, created if it is missing; "soak-report".
  std::optional<std::string> report_dir = std::nullopt;

  // Report which functions allocated the memory that grew; off. Turn it on when a run has found a leak in the heap. Set
  // the flag or the variable too, because the program has to start with another allocator; see
  // soak/heap_profile/heap_profile.h.
  std::optional<bool> heap_profile = std::nullopt;

  // A file in which this process saves the state of the soak when it ends, and from which the next one continues; or a
  // directory with such a file for each soak. None by default. Set it if a soak takes longer than a CI job may; see
  // docs/resume.md.
  std::optional<std::string> checkpoint = std::nullopt;

  // With a checkpoint, how long this process runs at most; 5 h 30 min, which fits in a CI job of six hours.
  std::optional<std::chrono::nanoseconds> part_duration = std::nullopt;

  // How many cycles may fail with a soak::Error before that is a finding; none. In code only. Raise it for a service
  // that is known to drop a connection now and then.
  std::uint64_t failed_cycles_max = 0;
};

// How a soak runs.
enum class Mode {
  kReal,     // Its whole duration on the real clock.
  kVirtual,  // Its whole duration at once, on a virtual clock.
  kSmoke,    // Two seconds, four cycles, on the real clock; only budgets are checked.
};

// "real", "virtual", "smoke".
std::string_view to_string(Mode mode);

// The values of these options that are in force.
struct Settings {
  std::chrono::nanoseconds duration{};
  std::chrono::nanoseconds reconnect_every{};
  std::uint32_t sessions = 0;
  std::uint64_t rss_growth_max = 0;
  std::uint64_t heap_per_cycle_max = 0;
  double open_floor = 0;
  std::string leak_max;            // Empty: no bound was asked for.
  std::uint64_t memory_limit = 0;  // 0: no limit.
  bool counts_exact = false;
  bool reload = false;
  std::chrono::nanoseconds service_time_max{};
  std::uint64_t seed = 0;
  bool shuffle = false;
  bool early_stop = false;
  std::string report_dir;
  bool heap_profile = false;
  std::string checkpoint;  // Empty: the soak runs in one process.
  std::chrono::nanoseconds part_duration{};
};

}  // namespace soak

#endif  // SOAK_OPTIONS_H_

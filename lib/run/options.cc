// SPDX-License-Identifier: Apache-2.0
#include "soak/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <variant>

#include "lib/run/heap_growth.h"
#include "lib/run/option_registry.h"
#include "lib/run/resolve.h"
#include "lib/text/format.h"
#include "soak/detail/command_line.h"
#include "soak/probe/heap_profiler.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

template <typename T>
struct Field {
  std::optional<T> RunOptions::*in;
  T Settings::*out;
};

struct Row {
  Option option;
  std::variant<Field<nanoseconds>, Field<std::uint64_t>, Field<std::uint32_t>, Field<double>, Field<bool>,
               Field<std::string>>
      field;
};

constexpr nanoseconds kSmokeDuration = 2s;

constexpr std::array kRows = {
    Row{{.name = "duration",
         .kind = OptionKind::kTime,
         .default_value = "60m",
         .help = "how long the soak runs",
         .alias = {"SOAK_DURATION_MIN", "min"}},
        Field<nanoseconds>{&RunOptions::duration, &Settings::duration}},
    Row{{.name = "reconnect_every",
         .kind = OptionKind::kTime,
         .default_value = "90s",
         .help = "how long a cycle lasts: one connection's life",
         .alias = {"SOAK_RECONNECT_SEC", "s"},
         .smoke_max = 500ms},
        Field<nanoseconds>{&RunOptions::reconnect_every, &Settings::reconnect_every}},
    Row{{.name = "sessions",
         .kind = OptionKind::kCount,
         .default_value = "1",
         .help = "how many sessions are open at once",
         .least = 1,
         .most = 100'000},
        Field<std::uint32_t>{&RunOptions::sessions, &Settings::sessions}},
    Row{{.name = "rss_growth_max",
         .kind = OptionKind::kSize,
         .default_value = "50MiB",
         .help = "how far RSS may end above its baseline",
         .alias = {"SOAK_RSS_BUDGET_KB", "KiB"}},
        Field<std::uint64_t>{&RunOptions::rss_growth_max, &Settings::rss_growth_max}},
    Row{{.name = "heap_per_cycle_max",
         .kind = OptionKind::kSize,
         .default_value = "16KiB",
         .help = "how much heap a cycle may leave behind",
         .alias = {"SOAK_HEAP_PER_CYCLE_KB", "KiB"}},
        Field<std::uint64_t>{&RunOptions::heap_per_cycle_max, &Settings::heap_per_cycle_max}},
    Row{{.name = "open_floor",
         .kind = OptionKind::kShare,
         .default_value = "0.95",
         .help = "the smallest share of the scheduled session time in which the sessions must be open"},
        Field<double>{&RunOptions::open_floor, &Settings::open_floor}},
    Row{{.name = "leak_max",
         .kind = OptionKind::kLeakMax,
         .default_value = "",
         .help = "how much memory may leak per time or operation; a run that cannot show that is inconclusive"},
        Field<std::string>{&RunOptions::leak_max, &Settings::leak_max}},
    Row{{.name = "memory_limit",
         .kind = OptionKind::kSize,
         .default_value = "",
         .help = "how much memory the program may hold; growth is reported with the time at which it reaches that",
         .least = 1},
        Field<std::uint64_t>{&RunOptions::memory_limit, &Settings::memory_limit}},
    Row{{.name = "counts_exact",
         .kind = OptionKind::kSwitch,
         .default_value = "off",
         .help = "every count (descriptors, sockets, threads, tasks) must be back at its baseline"},
        Field<bool>{&RunOptions::counts_exact, &Settings::counts_exact}},
    Row{{.name = "reload",
         .kind = OptionKind::kSwitch,
         .default_value = "off",
         .help = "afterwards, repeat the load of an AsyncRun for a tenth of its time, to tell memory kept for reuse "
                 "from memory lost"},
        Field<bool>{&RunOptions::reload, &Settings::reload}},
    Row{{.name = "service_time_max",
         .kind = OptionKind::kTime,
         .default_value = "10m",
         .help = "how long the sessions of a run, summed, may use a service that charges for them",
         .alias = {"SOAK_SERVICE_BUDGET_MIN", "min"}},
        Field<nanoseconds>{&RunOptions::service_time_max, &Settings::service_time_max}},
    Row{{.name = "seed",
         .kind = OptionKind::kCount,
         .default_value = "",
         .help = "the seed of all randomness",
         .no_value = "drawn"},
        Field<std::uint64_t>{&RunOptions::seed, &Settings::seed}},
    Row{{.name = "shuffle",
         .kind = OptionKind::kSwitch,
         .default_value = "off",
         .help = "on a virtual clock, run what is ready in an order drawn from the seed"},
        Field<bool>{&RunOptions::shuffle, &Settings::shuffle}},
    Row{{.name = "report_dir",
         .kind = OptionKind::kText,
         .default_value = "soak-report",
         .help = "where the reports are written",
         .changes_the_run = false,
         .expected = "a directory"},
        Field<std::string>{&RunOptions::report_dir, &Settings::report_dir}},
    Row{{.name = "early_stop",
         .kind = OptionKind::kSwitch,
         .default_value = "on",
         .help = "end the run, as FAIL, once growth is certain and far over budget"},
        Field<bool>{&RunOptions::early_stop, &Settings::early_stop}},
    Row{{.name = "heap_profile",
         .kind = OptionKind::kSwitch,
         .default_value = "off",
         .help = "report which functions allocated the memory that grew, by jemalloc's sampling profiler"},
        Field<bool>{&RunOptions::heap_profile, &Settings::heap_profile}},
    Row{{.name = "checkpoint",
         .kind = OptionKind::kText,
         .default_value = "",
         .help = "a file that the soak continues from, and is saved to when this process has run its part",
         .changes_the_run = false,
         .expected = "a file, or a directory for several soaks"},
        Field<std::string>{&RunOptions::checkpoint, &Settings::checkpoint}},
    Row{{.name = "part_duration",
         .kind = OptionKind::kTime,
         .default_value = "330m",
         .help = "with a checkpoint, how long this process runs at most",
         .alias = {"SOAK_PART_DURATION_MIN", "min"},
         .changes_the_run = false},
        Field<nanoseconds>{&RunOptions::part_duration, &Settings::part_duration}},
};

const Row* find_row(std::string_view name) {
  const auto found =
      std::find_if(kRows.begin(), kRows.end(), [name](const Row& row) { return row.option.name == name; });
  return found == kRows.end() ? nullptr : &*found;
}

void store(Settings& settings, const Row& row, const OptionValue& value) {
  std::visit(
      [&](const auto& field) {
        using T = std::remove_cvref_t<decltype(settings.*field.out)>;
        if constexpr (std::is_same_v<T, std::uint32_t>) {
          settings.*field.out = static_cast<std::uint32_t>(std::get<std::uint64_t>(value));
        } else {
          settings.*field.out = std::get<T>(value);
        }
      },
      row.field);
}

}  // namespace

namespace detail {

std::vector<const Option*> run_options() {
  std::vector<const Option*> options;
  for (const Row& one : kRows) {
    options.push_back(&one.option);
  }
  return options;
}

std::optional<OptionValue> value_in_code(const RunOptions& code, const Option& option) {
  const Row* const row = find_row(option.name);
  if (row == nullptr) {
    return std::nullopt;
  }
  return std::visit(
      [&code](const auto& field) -> std::optional<OptionValue> {
        const auto& value = code.*field.in;
        if (!value) {
          return std::nullopt;
        }
        if constexpr (std::is_same_v<decltype(field.out), std::uint32_t Settings::*>) {
          return std::uint64_t{*value};
        } else if constexpr (std::is_same_v<decltype(field.out), std::string Settings::*>) {
          return value->empty() ? std::nullopt : std::optional<OptionValue>(*value);
        } else {
          return *value;
        }
      },
      row->field);
}

std::string start_heap_profiler_if_asked() {
  const std::optional<OptionValue> asked = asked_outside(find_row("heap_profile")->option);
  if (!asked || !std::get<bool>(*asked)) {
    return {};
  }
  const probe::HeapProfiler* const profiler = probe::heap_profiler();
  return profiler == nullptr ? fmt::format("--soak_heap_profile: {}", kNoHeapProfiler) : profiler->restart();
}

Settings settings_without_code(Mode mode) { return resolve({}, mode); }

Settings resolve(const RunOptions& code, Mode mode, std::vector<Setting>* all) {
  Settings settings;
  for (const Row& one : kRows) {
    Setting setting = settle(one.option, mode);
    if (const auto value = value_in_code(code, one.option)) {
      set_in_code(setting, *value, mode, "RunOptions::" + std::string(one.option.name));
    }
    if (&one == find_row("seed") && !setting.value) {
      setting.value = (std::uint64_t{std::random_device{}()} << 16) ^ std::random_device{}();
    }
    if (&one == find_row("duration") && mode == Mode::kSmoke) {
      setting.value = kSmokeDuration;
    }
    if (setting.value) {
      store(settings, one, *setting.value);
    }
    if (all != nullptr) {
      all->push_back(std::move(setting));
    }
  }
  for (const KnownOption& known : driver_options()) {
    if (all != nullptr) {
      all->push_back(settle(*known.option, mode));
      all->back().of_driver = true;
    }
  }
  return settings;
}

}  // namespace detail
}  // namespace soak

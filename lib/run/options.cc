// SPDX-License-Identifier: Apache-2.0
#include "soak/options.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <random>
#include <span>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <variant>

#include "lib/run/heap_growth.h"
#include "soak/detail/format.h"
#include "soak/probe/heap_profiler.h"

namespace soak {
namespace {

using std::chrono::nanoseconds;

template <typename T>
struct Field {
  std::optional<T> RunOptions::*in;
  T Settings::*out;
};

// A port has no default: where nobody asked for one there is none.
struct PortField {
  std::optional<std::uint16_t> RunOptions::*in;
  std::optional<std::uint16_t> Settings::*out;
};

// A row of the options table. The kind is the type of the field.
struct Option {
  std::string_view name;
  const char* variable;
  double variable_unit;          // Nanoseconds or bytes that a 1 in the variable stands for.
  std::string_view variable_of;  // What the variable counts: "minutes".
  std::string_view domain;       // What uses it: every run, or only "voice" or "channels".
  std::string_view help;
  std::variant<Field<nanoseconds>, Field<std::uint64_t>, Field<std::uint32_t>, Field<double>, Field<bool>,
               Field<std::string>, PortField>
      field;
};

constexpr double kSecond = 1e9;
constexpr double kMinute = 60e9;

// Constant-initialised: flags are read before the constructors of static objects have run.
constexpr std::array<Option, 19> kOptions = {{
    {"duration", "SOAK_DURATION_MIN", kMinute, "minutes", "", "how long a soak runs",
     Field<nanoseconds>{&RunOptions::duration, &Settings::duration}},
    {"reconnect_every", "SOAK_RECONNECT_SEC", kSecond, "seconds", "",
     "how long a cycle lasts: a voice connection, a stretch of messages",
     Field<nanoseconds>{&RunOptions::reconnect_every, &Settings::reconnect_every}},
    {"sessions", "SOAK_SESSIONS", 0, "", "voice", "how many sessions are open at once",
     Field<std::uint32_t>{&RunOptions::sessions, &Settings::sessions}},
    {"audio_interval", "SOAK_AUDIO_INTERVAL_SEC", kSecond, "seconds", "voice", "the time between two audio frames",
     Field<nanoseconds>{&RunOptions::audio_interval, &Settings::audio_interval}},
    {"message_interval", "SOAK_INTERVAL_SEC", kSecond, "seconds", "channels", "the time between two messages",
     Field<nanoseconds>{&RunOptions::message_interval, &Settings::message_interval}},
    {"rss_growth_max", "SOAK_RSS_BUDGET_KB", 1024, "KB of 1,024 bytes", "", "how far RSS may end above its baseline",
     Field<std::uint64_t>{&RunOptions::rss_growth_max, &Settings::rss_growth_max}},
    {"heap_per_cycle_max", "SOAK_HEAP_PER_CYCLE_KB", 1024, "KB of 1,024 bytes", "",
     "heap that a cycle may leave behind",
     Field<std::uint64_t>{&RunOptions::heap_per_cycle_max, &Settings::heap_per_cycle_max}},
    {"success_floor", "SOAK_SUCCESS_FLOOR", 1, "", "channels", "the least share of messages that succeed",
     Field<double>{&RunOptions::success_floor, &Settings::success_floor}},
    {"rate_limit_ceiling", "SOAK_RATE_LIMIT_CEILING", 1, "", "channels", "the largest share of 429 answers",
     Field<double>{&RunOptions::rate_limit_ceiling, &Settings::rate_limit_ceiling}},
    {"http_timeout", "SOAK_HTTP_TIMEOUT_SEC", kSecond, "seconds", "channels", "how long a request may take",
     Field<nanoseconds>{&RunOptions::http_timeout, &Settings::http_timeout}},
    {"service_time_max", "SOAK_SERVICE_BUDGET_MIN", kMinute, "minutes", "voice",
     "how long the sessions of a run may last together with a service that charges for them",
     Field<nanoseconds>{&RunOptions::service_time_max, &Settings::service_time_max}},
    {"seed", "SOAK_SEED", 0, "", "", "what all randomness follows from; drawn unless given",
     Field<std::uint64_t>{&RunOptions::seed, &Settings::seed}},
    {"shuffle", "SOAK_SHUFFLE", 0, "", "", "virtual time: run what is ready in an order drawn from the seed",
     Field<bool>{&RunOptions::shuffle, &Settings::shuffle}},
    {"report_dir", "SOAK_REPORT_DIR", 0, "", "", "where the reports go",
     Field<std::string>{&RunOptions::report_dir, &Settings::report_dir}},
    {"early_stop", "SOAK_EARLY_STOP", 0, "", "", "end a run, as FAIL, as soon as a leak is certain",
     Field<bool>{&RunOptions::early_stop, &Settings::early_stop}},
    {"metrics_port", "SOAK_METRICS_PORT", 0, "", "",
     "where an AsyncRun on the real clock serves Prometheus metrics, on 127.0.0.1",
     PortField{&RunOptions::metrics_port, &Settings::metrics_port}},
    {"heap_profile", "SOAK_HEAP_PROFILE", 0, "", "",
     "say who allocated the heap that grew, by jemalloc's sampling profiler",
     Field<bool>{&RunOptions::heap_profile, &Settings::heap_profile}},
    {"checkpoint", "SOAK_CHECKPOINT", 0, "", "",
     "go on with the soak of which this file holds the first parts, and write it; the next run goes on from there",
     Field<std::string>{&RunOptions::checkpoint, &Settings::checkpoint}},
    {"part_duration", "SOAK_PART_DURATION_MIN", kMinute, "minutes", "",
     "with a checkpoint: how long one run of the soak takes at most",
     Field<nanoseconds>{&RunOptions::part_duration, &Settings::part_duration}},
}};

constexpr std::uint32_t kMostSessions = 100'000;
constexpr nanoseconds kLongest = std::chrono::hours{24 * 366};

struct Unit {
  std::string_view name;
  double value;
};
constexpr std::array<Unit, 6> kTimes = {
    {{"ms", 1e6}, {"s", kSecond}, {"m", kMinute}, {"min", kMinute}, {"h", 3600e9}, {"d", 24 * 3600e9}}};
constexpr std::array<Unit, 4> kSizes = {{{"B", 1}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}}};

bool is_size(const Option& option) { return option.variable_unit == 1024; }

// What a flag accepts, as errors and help say it.
std::string accepts(const Option& option) {
  struct Visitor {
    const Option& option;
    std::string operator()(const Field<nanoseconds>&) const { return "a time above 0, such as 40ms, 90s, 5m or 24h"; }
    std::string operator()(const Field<std::uint64_t>&) const {
      return is_size(option) ? "a size of 0 or more, such as 512KiB, 20MiB or 1GiB"
                             : "a whole number from 0 to 18446744073709551615";
    }
    std::string operator()(const Field<std::uint32_t>&) const {
      return fmt::format("a whole number from 1 to {}", kMostSessions);
    }
    std::string operator()(const Field<double>&) const { return "a number from 0 to 1"; }
    std::string operator()(const Field<bool>&) const { return "1 or 0"; }
    std::string operator()(const Field<std::string>&) const {
      return option.name == "checkpoint" ? "a file, or a directory for several soaks" : "a directory";
    }
    std::string operator()(const PortField&) const { return "a port from 1 to 65535, or 0 for a free one"; }
  };
  return std::visit(Visitor{option}, option.field);
}

std::string variable_accepts(const Option& option) {
  if (std::holds_alternative<Field<nanoseconds>>(option.field)) {
    return fmt::format("a number of {} above 0, such as 60 or 0.5", option.variable_of);
  }
  if (is_size(option)) {
    return fmt::format("a number of {}, 0 or more", option.variable_of);
  }
  return accepts(option);
}

// A number that is the whole text, or the whole text but for the unit that is left in `rest`.
std::optional<double> parse_number(std::string_view text, std::string_view* rest) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(number)) {
    return std::nullopt;
  }
  *rest = text.substr(static_cast<std::size_t>(end - text.data()));
  return number;
}

// `unit` 0 means that the text names it.
std::optional<double> parse_quantity(std::string_view text, double unit, std::span<const Unit> units) {
  std::string_view rest;
  const auto number = parse_number(text, &rest);
  if (!number) {
    return std::nullopt;
  }
  if (unit != 0) {
    return rest.empty() ? std::optional<double>(*number * unit) : std::nullopt;
  }
  for (const Unit& candidate : units) {
    if (rest == candidate.name) {
      return *number * candidate.value;
    }
  }
  return std::nullopt;
}

// Reads `text` into the option's field of `options`; false when it is not accepted. `unit` as above.
bool parse_into(RunOptions& options, const Option& option, std::string_view text, double unit) {
  struct Visitor {
    RunOptions& options;
    const Option& option;
    std::string_view text;
    double unit;
    bool operator()(const Field<nanoseconds>& field) const {
      const auto value = parse_quantity(text, unit, kTimes);
      if (!value || *value < 1 || *value > static_cast<double>(kLongest.count())) {
        return false;
      }
      options.*field.in = nanoseconds(std::llround(*value));
      return true;
    }
    bool operator()(const Field<std::uint64_t>& field) const {
      if (is_size(option)) {
        const auto value = parse_quantity(text, unit, kSizes);
        if (!value || *value < 0 || *value > 9e18) {
          return false;
        }
        options.*field.in = static_cast<std::uint64_t>(std::llround(*value));
        return true;
      }
      std::uint64_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc{} || end != text.data() + text.size()) {
        return false;
      }
      options.*field.in = value;
      return true;
    }
    bool operator()(const Field<std::uint32_t>& field) const {
      std::uint32_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > kMostSessions) {
        return false;
      }
      options.*field.in = value;
      return true;
    }
    bool operator()(const Field<double>& field) const {
      std::string_view rest;
      const auto value = parse_number(text, &rest);
      if (!value || !rest.empty() || *value < 0 || *value > 1) {
        return false;
      }
      options.*field.in = *value;
      return true;
    }
    bool operator()(const Field<bool>& field) const {
      const auto value = detail::parse_switch(text);
      options.*field.in = value;
      return value.has_value();
    }
    bool operator()(const Field<std::string>& field) const {
      options.*field.in = std::string(text);
      return !text.empty();
    }
    bool operator()(const PortField& field) const {
      std::uint16_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc{} || end != text.data() + text.size()) {
        return false;
      }
      options.*field.in = value;
      return true;
    }
  };
  return std::visit(Visitor{options, option, text, unit}, option.field);
}

const Option* find_option(std::string_view name) {
  for (const Option& option : kOptions) {
    if (option.name == name) {
      return &option;
    }
  }
  return nullptr;
}

// A variable that is set but empty counts as not set, as in most programs.
const char* variable_value(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

RunOptions read_variables(std::vector<std::string>& errors) {
  RunOptions options;
  for (const Option& option : kOptions) {
    const char* value = variable_value(option.variable);
    if (value != nullptr && !parse_into(options, option, value, option.variable_unit)) {
      errors.push_back(fmt::format("{} is '{}': {} is allowed", option.variable, value, variable_accepts(option)));
    }
  }
  return options;
}

std::string value_text(const Settings& settings, const Option& option) {
  struct Visitor {
    const Settings& settings;
    const Option& option;
    std::string operator()(const Field<nanoseconds>& field) const {
      return detail::format_duration(settings.*field.out);
    }
    std::string operator()(const Field<std::uint64_t>& field) const {
      const std::uint64_t value = settings.*field.out;
      return is_size(option) ? detail::format_bytes(static_cast<std::int64_t>(value)) : std::to_string(value);
    }
    std::string operator()(const Field<std::uint32_t>& field) const { return std::to_string(settings.*field.out); }
    std::string operator()(const Field<double>& field) const { return fmt::format("{}", settings.*field.out); }
    std::string operator()(const Field<bool>& field) const { return settings.*field.out ? "on" : "off"; }
    std::string operator()(const Field<std::string>& field) const {
      const std::string& text = settings.*field.out;
      return text.empty() ? "none" : text;
    }
    std::string operator()(const PortField& field) const {
      const auto& port = settings.*field.out;
      return port ? std::to_string(*port) : "off";
    }
  };
  return std::visit(Visitor{settings, option}, option.field);
}

// The value as the option's flag would spell it, exactly.
std::string flag_text(const Settings& settings, const Option& option) {
  if (const auto* field = std::get_if<Field<nanoseconds>>(&option.field)) {
    const nanoseconds value = settings.*field->out;
    return value % std::chrono::seconds{1} == nanoseconds{0}
               ? fmt::format("{}s", value / std::chrono::seconds{1})
               : fmt::format("{}ms", static_cast<double>(value.count()) / 1e6);
  }
  if (const auto* field = std::get_if<Field<std::uint64_t>>(&option.field); field != nullptr && is_size(option)) {
    return fmt::format("{}B", settings.*field->out);
  }
  return value_text(settings, option);
}

// The value as the option's variable would spell it.
std::string variable_text(const RunOptions& options, const Option& option) {
  struct Visitor {
    const RunOptions& options;
    const Option& option;
    std::string operator()(const Field<nanoseconds>& field) const {
      const auto& value = options.*field.in;
      return value ? fmt::format("{:.9f}", static_cast<double>(value->count()) / option.variable_unit) : "";
    }
    std::string operator()(const Field<std::uint64_t>& field) const {
      const auto& value = options.*field.in;
      if (!value) {
        return "";
      }
      return is_size(option) ? fmt::format("{:.9f}", static_cast<double>(*value) / option.variable_unit)
                             : std::to_string(*value);
    }
    std::string operator()(const Field<std::uint32_t>& field) const {
      const auto& value = options.*field.in;
      return value ? std::to_string(*value) : "";
    }
    std::string operator()(const Field<double>& field) const {
      const auto& value = options.*field.in;
      return value ? fmt::format("{:.17g}", *value) : "";
    }
    std::string operator()(const Field<bool>& field) const {
      const auto& value = options.*field.in;
      return value ? (*value ? "1" : "0") : "";
    }
    std::string operator()(const Field<std::string>& field) const { return (options.*field.in).value_or(""); }
    std::string operator()(const PortField& field) const {
      const auto& port = options.*field.in;
      return port ? std::to_string(*port) : "";
    }
  };
  return std::visit(Visitor{options, option}, option.field);
}

// Takes a layer's value over, if it has one, and says whether it had.
bool apply(Settings& settings, const Option& option, const RunOptions& layer) {
  return std::visit(
      [&](const auto& field) {
        const auto& value = layer.*field.in;
        if (value) {
          settings.*field.out = *value;
        }
        return value.has_value();
      },
      option.field);
}

// What code set must be in the range that a flag would accept.
void check_code(const RunOptions& code) {
  for (const Option& option : kOptions) {
    const std::string text = variable_text(code, option);
    RunOptions scratch;
    if (!text.empty() && !parse_into(scratch, option, text, option.variable_unit)) {
      throw std::invalid_argument(fmt::format("RunOptions::{} is {} {}: {} is allowed", option.name, text,
                                              option.variable_of, accepts(option)));
    }
  }
}

RunOptions& flags() {
  static RunOptions options;
  return options;
}

struct ModeSwitch {
  Mode mode;
  const char* flag;
  const char* variable;
  std::optional<bool> by_flag;
};

std::array<ModeSwitch, 3>& mode_switches() {
  static std::array<ModeSwitch, 3> switches = {{{Mode::kReal, "--gtest_runsoak", "GTEST_RUNSOAK", std::nullopt},
                                                {Mode::kVirtual, "--soak_virtual", "SOAK_VIRTUAL", std::nullopt},
                                                {Mode::kSmoke, "--soak_smoke", "SOAK_SMOKE", std::nullopt}}};
  return switches;
}

// Smoke: two seconds in four cycles, whatever else was asked for.
void shorten_for_smoke(Settings& settings) {
  using namespace std::chrono_literals;
  settings.duration = 2s;
  settings.reconnect_every = std::min<nanoseconds>(settings.reconnect_every, 500ms);
  settings.message_interval = std::min<nanoseconds>(settings.message_interval, 500ms);
  settings.audio_interval = std::min<nanoseconds>(settings.audio_interval, 500ms);
}

std::string set_flag_in_unit(std::string_view name, std::string_view value, bool variable_unit) {
  const Option* option = find_option(name);
  if (option == nullptr) {
    return fmt::format("there is no option '{}'", name);
  }
  if (!parse_into(flags(), *option, value, variable_unit ? option->variable_unit : 0)) {
    return fmt::format("is '{}': {} is allowed", value, variable_unit ? variable_accepts(*option) : accepts(*option));
  }
  return {};
}

}  // namespace

const char* to_string(Mode mode) {
  switch (mode) {
    case Mode::kReal:
      return "real";
    case Mode::kVirtual:
      return "virtual";
    case Mode::kSmoke:
      return "smoke";
  }
  return "?";
}

namespace detail {

bool is_option(std::string_view name) { return find_option(name) != nullptr; }

std::string set_flag(std::string_view name, std::string_view value) { return set_flag_in_unit(name, value, false); }

std::string set_flag_in_variable_unit(std::string_view name, std::string_view value) {
  return set_flag_in_unit(name, value, true);
}

void set_mode_flag(Mode mode, bool on) {
  for (ModeSwitch& mode_switch : mode_switches()) {
    if (mode_switch.mode == mode) {
      mode_switch.by_flag = on;
    }
  }
}

std::optional<bool> parse_switch(std::string_view value) {
  for (const std::string_view on : {"1", "true", "yes", "on"}) {
    if (value == on) {
      return true;
    }
  }
  for (const std::string_view off : {"0", "false", "no", "off"}) {
    if (value == off) {
      return false;
    }
  }
  return std::nullopt;
}

std::string start_heap_profiler_if_asked() {
  std::vector<std::string> errors;  // Told by others, who know whether they matter.
  const std::optional<bool> by_flag = flags().heap_profile;
  const bool asked = by_flag ? *by_flag : read_variables(errors).heap_profile.value_or(false);
  if (!asked) {
    return {};
  }
  const probe::HeapProfiler* const profiler = probe::heap_profiler();
  return profiler == nullptr ? fmt::format("--soak_heap_profile: {}", kNoHeapProfiler) : profiler->restart();
}

ModeRequest requested_mode() {
  ModeRequest request;
  std::vector<const ModeSwitch*> by_flag;
  std::vector<const ModeSwitch*> by_variable;
  for (const ModeSwitch& mode_switch : mode_switches()) {
    if (mode_switch.by_flag) {
      if (*mode_switch.by_flag) {
        by_flag.push_back(&mode_switch);
      }
      continue;
    }
    if (const char* text = variable_value(mode_switch.variable)) {
      const auto on = parse_switch(text);
      if (!on) {
        request.error = fmt::format("{} is '{}': 1 or 0 is allowed", mode_switch.variable, text);
      } else if (*on) {
        by_variable.push_back(&mode_switch);
      }
    }
  }
  request.by_flag = !by_flag.empty();
  const auto& asked = request.by_flag ? by_flag : by_variable;
  if (asked.size() > 1) {
    request.conflict = fmt::format("{} and {} ask for two modes: one is allowed",
                                   request.by_flag ? asked[0]->flag : asked[0]->variable,
                                   request.by_flag ? asked[1]->flag : asked[1]->variable);
  } else if (asked.size() == 1) {
    request.mode = asked[0]->mode;
    request.asked_by = request.by_flag ? asked[0]->flag : asked[0]->variable;
  }
  if (request.by_flag) {
    request.error.clear();
  }
  return request;
}

std::vector<std::string> variable_errors() {
  std::vector<std::string> errors;
  read_variables(errors);
  return errors;
}

std::vector<OptionHelp> option_help() {
  std::vector<OptionHelp> rows;
  const Settings defaults;
  for (const Option& option : kOptions) {
    rows.push_back({std::string(option.name), option.variable, accepts(option),
                    option.name == "seed" ? "drawn" : value_text(defaults, option), std::string(option.help),
                    std::string(option.domain), std::holds_alternative<Field<bool>>(option.field)});
  }
  return rows;
}

Settings resolve(const RunOptions& code, Mode mode, std::vector<NamedSetting>* named) {
  check_code(code);
  std::vector<std::string> errors;
  const RunOptions variables = read_variables(errors);
  if (!errors.empty()) {
    throw std::invalid_argument(errors.front());
  }
  Settings settings;
  settings.seed = (static_cast<std::uint64_t>(std::random_device{}()) << 16) ^ std::random_device{}();
  std::array<const char*, kOptions.size()> sources{};
  for (std::size_t i = 0; i < kOptions.size(); ++i) {
    const Option& option = kOptions[i];
    sources[i] = "default";
    for (const auto& [layer, source] :
         {std::pair{&code, "code"}, std::pair{&variables, "variable"}, std::pair{&std::as_const(flags()), "flag"}}) {
      if (apply(settings, option, *layer)) {
        sources[i] = source;
      }
    }
  }
  if (mode == Mode::kSmoke) {
    shorten_for_smoke(settings);
  }
  if (named != nullptr) {
    for (std::size_t i = 0; i < kOptions.size(); ++i) {
      named->push_back({std::string(kOptions[i].name), value_text(settings, kOptions[i]), sources[i],
                        flag_text(settings, kOptions[i])});
    }
  }
  return settings;
}

void export_flags() {
  for (const Option& option : kOptions) {
    if (const std::string text = variable_text(flags(), option); !text.empty()) {
      ::setenv(option.variable, text.c_str(), 1);
    }
  }
  // A mode asked for by flag overrules the other modes' variables here, so it must do so there.
  const bool asked = requested_mode().by_flag;
  for (const ModeSwitch& mode_switch : mode_switches()) {
    if (mode_switch.by_flag || asked) {
      ::setenv(mode_switch.variable, mode_switch.by_flag.value_or(false) ? "1" : "0", 1);
    }
  }
}

}  // namespace detail
}  // namespace soak

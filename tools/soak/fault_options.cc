// SPDX-License-Identifier: Apache-2.0
#include "fault_options.h"

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <string>

#include "lib/text/format.h"
#include "lib/text/number.h"
#include "soak/error.h"

namespace soak::tools {
namespace {

constexpr double kSecondsMax = 86'400;
constexpr std::chrono::seconds kLasts{10};
constexpr std::size_t kOversizedBytes = std::size_t{2} << 20;

std::string kinds() {
  std::string names;
  for (std::size_t i = 0; i < fault::kKinds; ++i) {
    names += (names.empty() ? "" : ", ") + std::string(to_string(static_cast<fault::Kind>(i)));
  }
  return names;
}

std::optional<std::chrono::nanoseconds> read_seconds(std::string_view text) {
  const std::optional<double> seconds = text::parse_decimal(text);
  if (!seconds || *seconds < 0 || *seconds > kSecondsMax) {
    return std::nullopt;
  }
  return text::from_seconds(*seconds);
}

// "reset", "reset@2.5", "half_open@20+60". Nothing if it is no fault.
std::optional<fault::Fault> read_fault(std::string_view text) {
  const std::size_t at = text.find('@');
  const std::optional<fault::Kind> kind = fault::kind_named(text.substr(0, at));
  if (!kind) {
    return std::nullopt;
  }
  fault::Fault fault;
  fault.kind = *kind;
  fault.lasts = kLasts;
  fault.bytes = kOversizedBytes;
  if (at == std::string_view::npos) {
    return fault;
  }
  const std::string_view times = text.substr(at + 1);
  const std::size_t plus = times.find('+');
  const auto after = read_seconds(times.substr(0, plus));
  const auto lasts = plus == std::string_view::npos ? fault.lasts : read_seconds(times.substr(plus + 1));
  if (!after || !lasts) {
    return std::nullopt;
  }
  fault.after = *after;
  fault.lasts = *lasts;
  return fault;
}

}  // namespace

void add_fault_options(CommandLine& command, std::vector<std::string>& values) {
  command
      .add_option("--fault", values,
                  fmt::format("What goes wrong on every connection: KIND, or KIND@SECONDS after it was accepted, or "
                              "KIND@SECONDS+SECONDS with how long it lasts (by default {} s). Repeat it for more. KIND "
                              "is one of {}",
                              kLasts.count(), kinds()))
      .value_name("KIND[@SECONDS[+SECONDS]]");
}

std::vector<fault::Fault> read_faults(const std::vector<std::string>& values) {
  std::vector<fault::Fault> faults;
  for (const std::string& value : values) {
    const std::optional<fault::Fault> fault = read_fault(value);
    if (!fault) {
      throw Error(
          Errc::kInvalidArgument,
          fmt::format("--fault '{}': expected KIND, KIND@SECONDS or KIND@SECONDS+SECONDS, seconds from 0 to {}, "
                      "and KIND one of {}",
                      value, kSecondsMax, kinds()));
    }
    faults.push_back(*fault);
  }
  return faults;
}

void print_faults(std::string_view name, const std::vector<fault::Fault>& faults, const fault::Script& script) {
  std::set<fault::Kind> printed;
  for (const fault::Fault& fault : faults) {
    if (printed.insert(fault.kind).second) {
      fmt::print("{}: fault {}, {}\n", name, to_string(fault.kind),
                 text::format_plural(script.played(fault.kind), "time"));
    }
  }
}

}  // namespace soak::tools

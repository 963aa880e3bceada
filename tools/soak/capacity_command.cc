// SPDX-License-Identifier: Apache-2.0
// soak capacity: how many sessions a pod holds, from a run's report, and whether the pods fit the nodes.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "commands.h"
#include "lib/text/format.h"
#include "lib/text/number.h"
#include "soak/detail/printable.h"
#include "soak/report/read_json.h"
#include "soak/report/session_cost.h"

namespace soak::tools {
namespace {

struct CapacityArguments {
  std::string report;
  report::SessionCostSeries series;
  std::uint64_t sessions = 0;
  std::optional<double> memory;
  std::optional<double> cores;
  std::optional<double> node_memory;
  std::optional<double> node_cores;
  std::uint64_t nodes = 0;
  std::uint64_t pods_max = 0;
  std::uint64_t surge = 0;
};

// The most that is ever counted; a session that costs nothing could be had any number of times.
constexpr double kMost = 1e9;

std::optional<double> parse_memory(const std::string& text) {
  std::string size = text;
  if (size.ends_with("Mi") || size.ends_with("Gi") || size.ends_with("Ki")) {
    size += "B";  // As Kubernetes writes it.
  }
  const std::optional<std::uint64_t> bytes = text::parse_size(size);
  return bytes && *bytes > 0 ? std::optional(static_cast<double>(*bytes)) : std::nullopt;
}

std::optional<double> parse_cores(const std::string& text) {
  const bool milli = text.ends_with("m");
  const std::optional<double> number = text::parse_float(milli ? text.substr(0, text.size() - 1) : text);
  if (!number || !std::isfinite(*number) || *number <= 0 || *number > 1e6) {
    return std::nullopt;
  }
  return milli ? *number / 1000 : *number;
}

std::string cores_text(double cores) { return fmt::format("{:.0f}m", std::ceil(cores * 1000 - 1e-6)); }

// A whole number of them, allowing for sums that are not exact.
std::uint64_t whole(double number) {
  return static_cast<std::uint64_t>(std::floor(std::clamp(number + 1e-9, 0.0, kMost)));
}

// How many sessions of that cost there is room for.
double held(double room, double per_session) {
  if (room < 0) {
    return 0;
  }
  return per_session <= 0 ? kMost : std::min(room / per_session, kMost);
}

struct Holds {
  double likely = kMost;
  double low = kMost;   // If a session costs what is the high end of its interval.
  double high = kMost;  // The low end.
};

Holds holds(double size, const report::ResourceCost& cost) {
  const double room = size - std::max(0.0, cost.base) - cost.above;
  return {held(room, cost.per_session), held(room, cost.high), held(room, cost.low)};
}

std::string count_text(double sessions) {
  return sessions >= kMost ? std::string("any number") : fmt::format("{}", whole(sessions));
}

std::string range_text(const Holds& holds) {
  return fmt::format("{} ({} to {})", count_text(holds.likely), count_text(holds.low), count_text(holds.high));
}

// What `sessions` in a pod need at most.
double need(const report::ResourceCost& cost, double sessions) {
  return std::max(0.0, cost.base) + sessions * std::max(cost.per_session, cost.high) + cost.above;
}

void print_costs(const report::SessionCost& cost) {
  fmt::print("{:<12}{:>14}{:>30}{:>14}{:>14}\n", "a session", "", "99% interval", "without any", "observed peak");
  if (cost.memory) {
    const report::ResourceCost& of = *cost.memory;
    fmt::print("{:<12}{:>14}{:>30}{:>14}{:>14}\n", "memory", text::format_size(of.per_session),
               fmt::format("{} to {}", text::format_size(of.low), text::format_size(of.high)),
               text::format_size(of.base), text::format_size(of.peak));
  }
  if (cost.processor) {
    const report::ResourceCost& of = *cost.processor;
    fmt::print("{:<12}{:>14}{:>30}{:>14}{:>14}\n", "processor", fmt::format("{:.3f}m", of.per_session * 1000),
               fmt::format("{:.3f}m to {:.3f}m", of.low * 1000, of.high * 1000), fmt::format("{:.0f}m", of.base * 1000),
               fmt::format("{:.0f}m", of.peak * 1000));
  }
}

// Whether a pod's requests are enough for what was observed.
bool print_pod(const CapacityArguments& arguments, const report::SessionCost& cost, std::uint64_t& pods) {
  Holds pod;
  if (arguments.memory) {
    const Holds by = holds(*arguments.memory, *cost.memory);
    fmt::print("{} of memory hold {} sessions\n", text::format_size(*arguments.memory), range_text(by));
    pod = by;
  }
  if (arguments.cores) {
    const Holds by = holds(*arguments.cores, *cost.processor);
    fmt::print("{} of a processor hold {} sessions\n", cores_text(*arguments.cores), range_text(by));
    pod = {std::min(pod.likely, by.likely), std::min(pod.low, by.low), std::min(pod.high, by.high)};
  }
  fmt::print("a pod holds {} sessions\n", range_text(pod));
  if (arguments.sessions > 0) {
    const std::uint64_t surely = whole(pod.low);
    if (surely == 0) {
      fmt::print("NOT ENOUGH: a pod may hold not even one session\n");
      return false;
    }
    pods = (arguments.sessions + surely - 1) / surely;
    const double each = std::ceil(static_cast<double>(arguments.sessions) / static_cast<double>(pods));
    std::string requests;
    if (cost.memory) {
      requests += fmt::format("{:.0f}MiB", std::ceil(need(*cost.memory, each) / (1 << 20)));
    }
    if (cost.processor) {
      requests += requests.empty() ? "" : " and ";
      requests += cores_text(need(*cost.processor, each));
    }
    fmt::print("{} sessions need {}, with {:.0f} sessions each; requests that cover the observed peak: {} a pod\n",
               arguments.sessions, text::format_plural(pods, "pod"), each, requests);
  }
  if (arguments.memory && cost.memory->peak > *arguments.memory) {
    fmt::print(
        "note: the run's peak was {} with {} sessions, more than a pod asks for: one with so many can be evicted\n",
        text::format_size(cost.memory->peak), cost.sessions_peak);
  }
  return true;
}

bool print_nodes(const CapacityArguments& arguments, std::uint64_t pods) {
  const double by_memory = *arguments.node_memory / *arguments.memory;
  const double by_cores = *arguments.node_cores / *arguments.cores;
  const std::uint64_t per_node = whole(std::min(by_memory, by_cores));
  const std::uint64_t room = per_node * arguments.nodes;
  const std::uint64_t most = std::max(arguments.pods_max, pods);
  const bool fits = room >= most + arguments.surge;
  fmt::print("{} a node (memory {}, processor {}), {} in all: {} {} and {} of surge\n", per_node, whole(by_memory),
             whole(by_cores), room, fits ? "room for" : "NO ROOM for", most, arguments.surge);
  return fits;
}

std::string what_is_missing(const CapacityArguments& arguments) {
  const int of_nodes = (arguments.nodes > 0 ? 1 : 0) + (arguments.node_memory ? 1 : 0) + (arguments.node_cores ? 1 : 0);
  if (!arguments.memory && !arguments.cores) {
    return "expected --memory, --cores or both: what a pod asks for";
  }
  if (of_nodes != 0 && of_nodes != 3) {
    return "expected --nodes, --node-memory and --node-cores together";
  }
  if (of_nodes == 3 && (!arguments.memory || !arguments.cores)) {
    return "expected --memory and --cores: whether pods fit a node depends on both";
  }
  if (of_nodes == 0 && (arguments.pods_max > 0 || arguments.surge > 0)) {
    return "--pods-max and --surge need --nodes, --node-memory and --node-cores";
  }
  if (arguments.report.empty() && of_nodes == 0) {
    return "expected a report, or --nodes";
  }
  if (arguments.report.empty() && arguments.sessions > 0) {
    return "--sessions needs a report";
  }
  if (arguments.report.empty() && arguments.pods_max == 0) {
    return "expected a report or --pods-max: how many pods are to fit";
  }
  return {};
}

int run_capacity(const CapacityArguments& arguments) {
  if (const std::string missing = what_is_missing(arguments); !missing.empty()) {
    fmt::print(stderr, "soak capacity: {}\n", missing);
    return kUsage;
  }
  bool enough = true;
  std::uint64_t pods = 0;
  if (!arguments.report.empty()) {
    try {
      const report::Record record = report::read_json_file(arguments.report);
      const report::SessionCost cost = report::session_cost(record, arguments.series);
      for (const auto& [asked, known, why] :
           {std::tuple(arguments.memory.has_value(), cost.memory.has_value(), &cost.memory_missing),
            std::tuple(arguments.cores.has_value(), cost.processor.has_value(), &cost.processor_missing)}) {
        if (asked && !known) {
          fmt::print(stderr, "soak capacity: {}: {}\n", text::printable(arguments.report), text::printable(*why));
          return kUsage;
        }
      }
      print_costs(cost);
      enough = print_pod(arguments, cost, pods);
    } catch (const report::ReadError& error) {
      fmt::print(stderr, "soak capacity: {}\n", text::printable(error.what()));
      return kUsage;
    }
  }
  if (arguments.nodes > 0) {
    enough = print_nodes(arguments, pods) && enough;
  }
  return enough ? kPassed : kFailed;
}

// Sets `value`, or returns what is wrong.
auto quantity(std::optional<double>& value, std::optional<double> (*parse)(const std::string&), const char* expected) {
  return [&value, parse, expected](const std::string& text) -> std::string {
    value = parse(text);
    return value ? std::string() : fmt::format("\"{}\": expected {}", text, expected);
  };
}

}  // namespace

void add_capacity_command(CommandLine& app) {
  CommandLine command = app.add_subcommand(
      "capacity",
      "How many sessions a pod holds, from the report of a run that opened sessions in steps, and whether the pods "
      "fit\n"
      "the nodes. Exit status: 0 if it is enough, 1 if it is not, 2 if an option or the report is unusable.");
  auto arguments = std::make_shared<CapacityArguments>();
  constexpr const char* kMemory = "a size such as 4.5GiB or 3072Mi, above 0";
  constexpr const char* kCores = "a number of processors such as 0.7 or 700m, above 0";
  constexpr std::int64_t kMax = 1'000'000'000;
  command.add_option("report", arguments->report, "JSON report; without one, only whether the pods fit the nodes");
  command.add_option("--sessions", arguments->sessions, "Sessions of all pods together").between(std::int64_t{1}, kMax);
  command.add_option("--memory", quantity(arguments->memory, &parse_memory, kMemory), "Memory that a pod asks for")
      .value_name("SIZE");
  command.add_option("--cores", quantity(arguments->cores, &parse_cores, kCores), "Processors that a pod asks for")
      .value_name("CORES");
  command.add_option("--nodes", arguments->nodes, "Nodes").between(std::int64_t{1}, kMax);
  command
      .add_option("--node-memory", quantity(arguments->node_memory, &parse_memory, kMemory),
                  "Memory that a node has for pods")
      .value_name("SIZE");
  command
      .add_option("--node-cores", quantity(arguments->node_cores, &parse_cores, kCores),
                  "Processors that a node has for pods")
      .value_name("CORES");
  command.add_option("--pods-max", arguments->pods_max, "The most pods there are, between deploys")
      .between(std::int64_t{1}, kMax);
  command.add_option("--surge", arguments->surge, "Pods that a deploy adds").between(std::int64_t{0}, kMax);
  command.add_option("--sessions-series", arguments->series.sessions,
                     "Series that counts the open sessions: sessions, or that of a watched process, listen.sessions");
  command.add_option("--memory-series", arguments->series.memory, "Series of the memory: rss of the same process");
  command.add_option("--cores-series", arguments->series.processor,
                     "Series of thousandths of a processor: cpu_millicores of the same process");
  command.runs([arguments] { return run_capacity(*arguments); });
}

}  // namespace soak::tools

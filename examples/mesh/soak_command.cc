// SPDX-License-Identifier: Apache-2.0
// mesh soak: the whole mesh as real processes, under load and faults, with a verdict.
// mesh edge: the same with a single driver, and an edge that answers it.
// mesh smoke: brings the services up and asks every route once.
// mesh stress: the services alone, as fast as they go.

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/commands.h"
#include "mesh/flags.h"
#include "mesh/harness/cluster.h"
#include "mesh/harness/fault_plan.h"
#include "mesh/harness/mesh_soak.h"
#include "mesh/harness/smoke.h"
#include "mesh/harness/stress.h"
#include "soak/event_loop.h"
#include "soak/run.h"

namespace mesh {

namespace {

using std::chrono::nanoseconds;

nanoseconds duration_of(const std::string& flag, std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  const double seconds = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (error != std::errc() || seconds == 0 || !(number > 0) || number * seconds > 1e7) {
    throw UsageError(fmt::format("{}: expected a time such as 90s, 3m or 1h, got \"{}\"", flag, text));
  }
  return nanoseconds(static_cast<nanoseconds::rep>(number * seconds * 1e9));
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string plan_of(const std::string& faults) {
  if (faults == "none") {
    return "";
  }
  if (faults == "default") {
    return std::string(default_fault_plan());
  }
  std::ifstream file(faults);
  std::string plan{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    throw UsageError("--faults: expected none, default or a file, got \"" + faults + "\"");
  }
  return plan;
}

}  // namespace

namespace {

std::string results_folder(const Flags& flags) {
  if (flags.positional().size() != 1) {
    throw UsageError("expected one folder for the results");
  }
  const std::string& folder = flags.positional().front();
  if (std::filesystem::exists(folder + "/directory")) {
    throw UsageError(folder + " holds an earlier run: give another folder");
  }
  return folder;
}

std::string this_program() { return std::filesystem::read_symlink("/proc/self/exe"); }

int run_soak(const Flags& flags, MeshSoakOptions mesh, std::string_view title, std::string duration) {
  // The original's names.
  if (const std::string seconds = variable("WORKLOAD_DURATION_SECONDS"); !seconds.empty()) {
    duration = seconds + "s";
  }
  if (const std::string strategy = variable("WORKLOAD_PEER_MESSAGE_STRATEGY");
      !strategy.empty() && strategy != "mixed") {
    throw UsageError("WORKLOAD_PEER_MESSAGE_STRATEGY: expected mixed, got \"" + strategy + "\"");
  }
  mesh.folder = results_folder(flags);
  mesh.program = this_program();
  mesh.interval = std::chrono::milliseconds(flags.number("--interval-ms", 250, 1, 3'600'000));
  soak::RunOptions options;
  options.title = std::string(title);
  options.duration = duration_of("--duration", flags.text("--duration", duration));
  options.report_dir = mesh.folder + "/report";
  options.early_stop = false;
  options.heap_per_cycle_max = 256 << 10;  // The harness keeps what it has to compare in the end.
  if (!flags.text("--seed").empty()) {
    options.seed = flags.number("--seed", 0, 0, UINT64_MAX);
  }
  // Fails here, before anything is started.
  parse_fault_plan(mesh.faults, *options.duration, Cluster::nodes(mesh.edges), 0);
  std::filesystem::create_directories(mesh.folder);

  MeshSoak run(std::move(options), std::move(mesh));
  run.drive();
  const bool passed = run.verdict().passed();
  fmt::print("{}", run.summary());
  return passed ? 0 : 1;
}

// The services with two agents, whose workers are not started.
std::unique_ptr<Cluster> bring_up(soak::EventLoop& loop, const std::string& folder) {
  ClusterOptions options;
  options.folder = folder;
  options.program = this_program();
  options.edges = 2;
  std::filesystem::create_directories(folder);
  auto cluster = std::make_unique<Cluster>(loop, options);
  loop.run(cluster->start_services());
  return cluster;
}

std::uint64_t os_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

}  // namespace

int soak_command(const std::vector<std::string>& arguments) {
  const Flags flags(arguments, {"--edges", "--duration", "--faults", "--seed", "--interval-ms"});
  MeshSoakOptions mesh;
  mesh.edges = flags.number("--edges", 3, 2, 100);
  mesh.faults = plan_of(flags.text("--faults", "default"));
  return run_soak(flags, std::move(mesh), "MESH SOAK / mixed", "180s");
}

int edge_command(const std::vector<std::string>& arguments) {
  const Flags flags(arguments, {"--duration", "--seed", "--interval-ms"});
  MeshSoakOptions mesh;
  mesh.edges = 2;
  mesh.drivers = 1;
  return run_soak(flags, std::move(mesh), "MESH SOAK / edge", "60s");
}

int smoke_command(const std::vector<std::string>& arguments) {
  const std::string folder = results_folder(Flags(arguments, {}));
  soak::UvLoop loop({.seed = os_seed()});
  const std::unique_ptr<Cluster> cluster = bring_up(loop, folder);
  const std::vector<SmokeCheck> checks = loop.run(smoke(loop, *cluster));
  const std::vector<std::string> unclean = loop.run(cluster->stop());
  std::size_t failed = unclean.size();
  for (const SmokeCheck& check : checks) {
    if (!check.passed()) {
      ++failed;
    }
    fmt::print("{:<5} {}{}\n", check.passed() ? "ok" : "FAIL", check.request,
               check.passed() ? fmt::format(": {}", check.got)
                              : fmt::format(": expected {}, got {}", check.expected, check.got));
  }
  for (const std::string& what : unclean) {
    fmt::print("FAIL  {}\n", what);
  }
  fmt::print("{}: {} routes, {} failed\n", failed == 0 ? "PASS" : "FAIL", checks.size(), failed);
  return failed == 0 ? 0 : 1;
}

int stress_command(const std::vector<std::string>& arguments) {
  const Flags flags(arguments, {"--duration", "--senders"});
  const std::string folder = results_folder(flags);
  StressOptions options;
  options.duration = duration_of("--duration", flags.text("--duration", "10s"));
  options.senders = flags.number("--senders", 8, 1, 1000);
  soak::UvLoop loop({.seed = os_seed()});
  const std::unique_ptr<Cluster> cluster = bring_up(loop, folder);
  const StressResult result = loop.run(stress(loop, *cluster, options));
  const std::vector<std::string> unclean = loop.run(cluster->stop());
  const double seconds = std::chrono::duration<double>(result.took).count();
  for (const std::string& what : result.wrong) {
    fmt::print("FAIL  {}\n", what);
  }
  for (const std::string& what : unclean) {
    fmt::print("FAIL  {}\n", what);
  }
  const bool passed = result.wrong.empty() && unclean.empty() && result.acknowledged > 0 && result.ingested > 0;
  fmt::print("{}: {:.0f} messages/s acknowledged ({}), {:.0f} ingests/s, {} errors, p50 {:.1f} ms, p99 {:.1f} ms\n",
             passed ? "PASS" : "FAIL", static_cast<double>(result.acknowledged) / seconds, result.acknowledged,
             static_cast<double>(result.ingested) / seconds, result.errors, result.send_ms_p50, result.send_ms_p99);
  return passed ? 0 : 1;
}

}  // namespace mesh

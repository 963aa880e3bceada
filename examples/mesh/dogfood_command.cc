// SPDX-License-Identifier: Apache-2.0
// mesh dogfood: a short run with few requests, whose delivery, artifacts and secrecy are checked; sums only are
// printed.

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "mesh/commands.h"
#include "mesh/encoding.h"
#include "mesh/flags.h"
#include "mesh/harness/cluster.h"
#include "mesh/harness/dogfood.h"
#include "mesh/harness/leak_scan.h"
#include "mesh/harness/mesh_soak.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/task.h"

namespace mesh {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kEdges = 3;

// The last word of a key's file is the key, in base64.
std::vector<Secret> secrets_of(const std::string& folder) {
  std::vector<Secret> secrets;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || (name != "key" && !name.ends_with(".key"))) {
      continue;
    }
    std::ifstream file(entry.path());
    std::string word;
    while (file >> word) {
    }
    secrets.push_back({std::filesystem::relative(entry.path(), folder).string(), word});
    if (const std::optional<std::string> raw = from_base64(word)) {
      secrets.push_back({secrets.back().name, *raw});
    }
  }
  return secrets;
}

soak::Task<> until_sent(Cluster& cluster, std::uint64_t requests, std::chrono::nanoseconds timeout) {
  soak::EventLoop& loop = co_await soak::this_loop();
  const soak::Instant deadline = loop.now() + timeout;
  std::uint64_t answers = 0;
  // Of each request comes a receipt of its own and one for the response.
  while (answers < 2 * requests && loop.now() < deadline) {
    co_await soak::sleep_for(100ms);
    cluster.poll();
    answers = 0;
    for (std::size_t edge = 0; edge < kEdges; ++edge) {
      answers += cluster.feed(edge).signals().receipts_seen;
    }
  }
}

}  // namespace

int dogfood_command(const std::vector<std::string>& arguments) {
  const Flags flags(arguments, {"--requests", "--seed"});
  if (flags.positional().size() != 1) {
    throw UsageError("expected one folder for the results");
  }
  const std::string folder = flags.positional().front();
  if (std::filesystem::exists(folder + "/directory")) {
    throw UsageError(folder + " holds an earlier run: give another folder");
  }
  const std::uint64_t requests = flags.number("--requests", 40, kEdges * 2, 1000);
  std::random_device device;
  soak::UvLoop loop({.seed = (std::uint64_t{device()} << 32U) | device()});
  ClusterOptions options;
  options.folder = folder;
  options.program = std::filesystem::read_symlink("/proc/self/exe");
  options.edges = kEdges;
  options.seed = flags.number("--seed", 1, 0, UINT64_MAX);
  options.iterations_max = requests / kEdges;
  options.interval = 50ms;
  options.tag = fmt::format("run:demo-{:08x}", device());
  std::filesystem::create_directories(folder);

  Cluster cluster(loop, options);
  loop.run(cluster.start_services());
  const std::vector<std::string> missing = loop.run(cluster.missing_links());
  cluster.start_edges({});
  loop.run(until_sent(cluster, options.iterations_max * kEdges, 60s));
  std::vector<std::string> wrong = loop.run(cluster.finish(30s));
  const ArchiveContent content = loop.run(cluster.archive_content());
  for (std::string& what : loop.run(cluster.stop())) {
    wrong.push_back(std::move(what));
  }
  const Evidence evidence = read_evidence(cluster);
  const ScanResult scan = scan_folder(folder, secrets_of(folder));

  bool passed = wrong.empty();
  for (const DogfoodGate& gate : judge_dogfood({requests, options.tag, missing, evidence, content, scan})) {
    passed = passed && gate.passed;
    fmt::print("{:<5} {}: {}\n", gate.passed ? "ok" : "FAIL", gate.name, gate.figures);
  }
  for (const std::string& what : wrong) {
    fmt::print("FAIL  {}\n", what);
  }
  for (const Leak& leak : scan.leaks) {
    fmt::print("FAIL  {} holds {}\n", leak.file, leak.what);
  }
  fmt::print("{}\n", passed ? "PASS" : "FAIL");
  return passed ? 0 : 1;
}

}  // namespace mesh

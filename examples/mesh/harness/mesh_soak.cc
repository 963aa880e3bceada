// SPDX-License-Identifier: Apache-2.0
#include "mesh/harness/mesh_soak.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/harness/artifacts.h"
#include "mesh/harness/cluster.h"
#include "mesh/harness/fault_plan.h"
#include "mesh/harness/verdict.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/run_blocking.h"
#include "soak/run_driver.h"
#include "soak/task.h"

namespace mesh {

namespace {

using namespace std::chrono_literals;
using soak::Task;
using std::chrono::nanoseconds;

constexpr nanoseconds kPoll = 50ms;
constexpr nanoseconds kSettleTimeout = 90s;
constexpr std::uint64_t kCycles = 20;

std::uint64_t os_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

soak::probe::Finding finding_of(const std::string& subject, std::string_view what,
                                const std::vector<std::string>& cases) {
  soak::probe::Finding finding{subject, fmt::format("{}: {} {}", subject, cases.size(), what), {}};
  for (std::size_t i = 0; i < std::min<std::size_t>(cases.size(), 5); ++i) {
    finding.evidence.push_back({i == 0 ? "such as" : "", cases[i]});
  }
  return finding;
}

// What happens while the load runs.
class Load {
 public:
  Load(soak::Run& run, Cluster& cluster, soak::EventLoop& loop, std::vector<Fault> faults)
      : run_(run), driver_(run), cluster_(cluster), loop_(loop), faults_(std::move(faults)) {}

  Task<> run() {
    const auto body = [this](soak::TaskGroup& group) -> Task<> {
      group.start("revocation", probe_revocation(), soak::TaskKind::kFinite);
      int number = 0;
      for (const Fault& fault : faults_) {
        group.start({"fault", ++number}, play(fault), soak::TaskKind::kFinite);
      }
      Task<> cycles = run_cycles();
      co_await std::move(cycles);
      over_ = true;
      if (run_.interrupted()) {
        group.cancel();
      }
    };
    co_await soak::with_group(loop_, {.timeout = 90s, .carry_on = true}, body);
  }

  const std::vector<Recovery>& recoveries() const { return recoveries_; }
  const std::vector<std::string>& accepted_though_revoked() const { return accepted_; }
  const std::vector<std::string>& not_recovered() const { return not_recovered_; }
  std::uint64_t revocations() const { return revocations_; }
  std::uint64_t skipped() const { return skipped_; }

 private:
  Task<> run_cycles() {
    const soak::Instant began = loop_.now();
    const nanoseconds duration = run_.settings().duration;
    std::uint64_t counted = 0;
    for (std::uint64_t cycle = 0; cycle < kCycles && !run_.interrupted() && !run_.ended_early(); ++cycle) {
      const soak::Instant end = began + duration * (cycle + 1) / kCycles;
      while (loop_.now() < end && !run_.interrupted()) {
        const nanoseconds left = end - loop_.now();
        co_await soak::sleep_for(std::min(left, kPoll));
        cluster_.poll();
        std::uint64_t handled = 0;
        for (std::size_t edge = 0; edge < cluster_.edge_names().size(); ++edge) {
          handled += cluster_.feed(edge).handled();
        }
        run_.count("messages", handled - counted);
        counted = handled;
      }
      driver_.finish_cycle();
      // On a thread of its own: to judge what was seen so far takes time on a busy machine, and the edges' links are
      // proxies on this loop. Meanwhile this loop only adds marks, which no quiescent point reads.
      Task<> looking = soak::run_blocking([this] { driver_.quiescent_point(); });
      co_await std::move(looking);
      driver_.keep_totals();
    }
  }

  Task<> play(Fault fault) {
    co_await soak::sleep_for(fault.at);
    if (over_ || run_.interrupted()) {
      co_return;
    }
    const std::string text = to_string(fault);
    try {
      run_.mark("fault", text);
      Task<std::optional<Recovery>> applying = cluster_.apply(fault);
      std::optional<Recovery> recovery = co_await std::move(applying);
      if (recovery) {
        recoveries_.push_back(*std::move(recovery));
      } else {
        ++skipped_;
      }
    } catch (const soak::Error& error) {
      not_recovered_.push_back(fmt::format("{}: {}", text, error.what()));
    }
    const bool restarts = fault.kind == FaultKind::kKill || fault.kind == FaultKind::kRestart;
    if (restarts && (fault.node == "directory" || fault.node == "archive")) {
      Task<> probing = probe_revocation();
      co_await std::move(probing);
    }
  }

  Task<> probe_revocation() {
    if (probing_) {
      co_return;
    }
    probing_ = true;
    try {
      Task<std::vector<std::string>> probing = cluster_.probe_revocation();
      const std::vector<std::string> accepted = co_await std::move(probing);
      accepted_.insert(accepted_.end(), accepted.begin(), accepted.end());
      ++revocations_;
    } catch (const soak::Error& error) {
      not_recovered_.push_back(fmt::format("revocation: {}", error.what()));
    }
    probing_ = false;
  }

  soak::Run& run_;
  soak::RunDriver driver_;
  Cluster& cluster_;
  soak::EventLoop& loop_;
  std::vector<Fault> faults_;
  bool over_ = false;
  bool probing_ = false;
  std::uint64_t revocations_ = 0;
  std::uint64_t skipped_ = 0;
  std::vector<Recovery> recoveries_;
  std::vector<std::string> accepted_;
  std::vector<std::string> not_recovered_;
};

}  // namespace

MeshSoak::MeshSoak(soak::RunOptions options, MeshSoakOptions mesh)
    : soak::Run(std::move(options), Driven{}), mesh_(std::move(mesh)) {}

void MeshSoak::drive() {
  soak::RunDriver driver(*this);
  driver.describe("MESH SOAK / mixed", "period");
  driver.expect_cycles(kCycles);
  std::vector<Fault> faults =
      parse_fault_plan(mesh_.faults, settings().duration, Cluster::nodes(mesh_.edges), settings().seed);

  soak::UvLoop loop({.seed = os_seed()});
  ClusterOptions options;
  options.folder = mesh_.folder;
  options.program = mesh_.program;
  options.edges = mesh_.edges;
  options.drivers = mesh_.drivers;
  options.seed = settings().seed;
  options.interval = mesh_.interval;
  Cluster cluster(loop, options);
  loop.run(cluster.start_services());
  cluster.start_edges(faults);
  cluster.on_process([this](const std::string& name, pid_t id) {
    try {
      watch_process({id}, name);
    } catch (const soak::Error&) {
      // It has ended already, which the cluster reports.
    }
  });

  driver.begin_run();
  Load load(*this, cluster, loop, faults);
  loop.run(load.run());
  driver.end_run();

  const std::vector<std::string> unsettled = loop.run(cluster.finish(kSettleTimeout));
  const ArchiveContent content = loop.run(cluster.archive_content());
  const std::vector<std::string> unclean = loop.run(cluster.stop());

  const Evidence evidence = read_evidence(cluster);
  std::vector<soak::probe::Finding> findings = judge(evidence);
  for (soak::probe::Finding& finding : judge(evidence, content)) {
    findings.push_back(std::move(finding));
  }
  const auto report = [&findings](const std::string& subject, std::string_view what,
                                  const std::vector<std::string>& cases) {
    if (!cases.empty()) {
      findings.push_back(finding_of(subject, what, cases));
    }
  };
  report("revocation", "requests of a revoked agent that were not refused", load.accepted_though_revoked());
  report("recovery", "faults after which a node did not work again", load.not_recovered());
  report("processes", "processes that ended by themselves or badly", cluster.unexpected_ends());
  report("processes", "processes that did not stop cleanly", unclean);
  report("settling", "edges that were not settled when the load was over", unsettled);
  if (load.revocations() == 0) {
    findings.push_back({"not exercised", "not exercised: no agent was revoked", {}});
  }

  const RecoveryTimes times = recovery_times(load.recoveries());
  add_note(fmt::format("recovery: {} faults, {} processes killed; p50 {:.0f} ms, p99 {:.0f} ms, slowest {:.0f} ms{}",
                       times.count, cluster.kills(), times.p50_ms, times.p99_ms, times.max_ms,
                       times.slowest.empty() ? "" : fmt::format(" ({})", times.slowest)));
  if (load.skipped() > 0) {
    add_note(fmt::format("faults left out, because the node was down for another: {}", load.skipped()));
  }
  const Signals signals = evidence.all_signals();
  driver.show_figures({{"sent", fmt::format("{}", signals.mesh_messages_sent)},
                       {"seen", fmt::format("{}", signals.inbox_messages_seen)},
                       {"receipts", fmt::format("{}", signals.receipts_seen)},
                       {"llm_tasks", fmt::format("{}", signals.llm_tasks_completed)},
                       {"syncs", fmt::format("{}", signals.sync_calls)},
                       {"errors", fmt::format("{}", signals.errors)},
                       {"recovery_p99", fmt::format("{:.0f}ms", times.p99_ms)}});
  for (const soak::probe::Finding& finding : findings) {
    add_finding(finding);
  }
  ArtifactInput input{settings().seed, settings().duration, cluster.edge_names(), evidence, content, load.recoveries(),
                      findings};
  write_artifacts(mesh_.folder, input);
}

}  // namespace mesh

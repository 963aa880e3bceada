// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_HARNESS_FAULT_PLAN_H_
#define MESH_HARNESS_FAULT_PLAN_H_

// What goes wrong in a run, and when, as text that can be read. One fault a line; # begins a comment.
//
//   at 20s kill archive                        SIGKILL, and started again at once
//   at 30s restart directory                   SIGTERM, and started again when it has ended
//   at 45s stop demo-agent-b for 3s            SIGSTOP, then SIGCONT
//   at 60s cut demo-agent-a archive for 2s     connections end, new ones are refused
//   at 80s slow edge directory for 5s latency 100ms rate 20kB
//   at 100s fill archive for 5s                its files cannot grow: a full disk
//   at 120s clock demo-agent-c +120s           started again with a clock that is that much off
//   every 3s from 10% to 90% kill edge
//
// A time is a number with ms, s or m, or with % of the run. A node is one of the processes by its name; `edge` is an
// edge drawn from the seed, each time anew.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mesh {

enum class FaultKind : std::uint8_t { kKill, kRestart, kStop, kCut, kSlow, kFill, kClock };
std::string_view to_string(FaultKind kind);  // "kill"

struct Fault {
  std::chrono::nanoseconds at{0};  // Since the load began.
  FaultKind kind = FaultKind::kKill;
  std::string node;  // Of a link: the edge.
  std::string to;    // Of a link: the service.
  std::chrono::nanoseconds lasts{0};
  std::chrono::nanoseconds latency{0};
  std::uint64_t bytes_per_second = 0;
  std::chrono::seconds step{0};
  friend bool operator==(const Fault&, const Fault&) = default;
};

std::string to_string(const Fault& fault);  // "kill archive"

struct Nodes {
  std::vector<std::string> services;  // "directory", "archive"
  std::vector<std::string> edges;     // "demo-agent-a", ...
};

// The faults of a run of that length, in the order of their times. Throws soak::Error(kInvalidArgument), which names
// the line, the word and what is expected.
std::vector<Fault> parse_fault_plan(std::string_view text, std::chrono::nanoseconds duration, const Nodes& nodes,
                                    std::uint64_t seed);

// The text behind --faults default.
std::string_view default_fault_plan();

}  // namespace mesh

#endif  // MESH_HARNESS_FAULT_PLAN_H_

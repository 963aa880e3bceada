// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_HARNESS_STRESS_H_
#define MESH_HARNESS_STRESS_H_

// The services alone, as fast as they go: one agent sends messages on many connections, another one reads its inbox.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mesh/harness/cluster.h"
#include "soak/event_loop.h"
#include "soak/task.h"

namespace mesh {

struct StressOptions {
  std::chrono::nanoseconds duration = std::chrono::seconds{10};
  std::size_t senders = 8;
};

struct StressResult {
  std::chrono::nanoseconds took{0};
  std::uint64_t acknowledged = 0;  // Messages, by the relay.
  std::uint64_t ingested = 0;      // Entries, by the Archive.
  std::uint64_t errors = 0;
  double send_ms_p50 = 0;
  double send_ms_p99 = 0;
  std::vector<std::string> wrong;  // Messages lost or delivered twice, in words.
};

// `cluster` has two edges, whose workers do not run; its services do.
soak::Task<StressResult> stress(soak::EventLoop& loop, Cluster& cluster, StressOptions options);

}  // namespace mesh

#endif  // MESH_HARNESS_STRESS_H_

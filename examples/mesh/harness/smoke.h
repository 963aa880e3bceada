// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_HARNESS_SMOKE_H_
#define MESH_HARNESS_SMOKE_H_

// Brings the services up and asks every route of theirs once, public ones and signed ones.

#include <string>
#include <vector>

#include "mesh/harness/cluster.h"
#include "soak/event_loop.h"
#include "soak/task.h"

namespace mesh {

struct SmokeCheck {
  std::string request;   // "GET /healthz of archive"
  std::string expected;  // "200"
  std::string got;       // "200", "404 not_found", or why there was no response.
  bool passed() const { return expected == got; }
};

// `cluster` has two edges, and its services run.
soak::Task<std::vector<SmokeCheck>> smoke(soak::EventLoop& loop, Cluster& cluster);

}  // namespace mesh

#endif  // MESH_HARNESS_SMOKE_H_

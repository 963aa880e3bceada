// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_HARNESS_ARTIFACTS_H_
#define MESH_HARNESS_ARTIFACTS_H_

// What a run leaves to read, with the original's names; ARTIFACTS.md documents every field.
//
//   DIR/aggregate.json              the signals, of all and of each edge; the delivery matrix; recoveries; findings
//   DIR/demo-agent-a/phase45.json   promotion and publication, of each edge in its folder
//   DIR/timeline.html               a row a node on one axis of time, with the faults

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mesh/harness/cluster.h"
#include "mesh/harness/verdict.h"
#include "soak/growth/verdict.h"

namespace mesh {

struct RecoveryTimes {
  std::size_t count = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;
  std::string slowest;  // The fault.
};
// By nearest rank.
RecoveryTimes recovery_times(const std::vector<Recovery>& recoveries);

struct ArtifactInput {
  std::uint64_t seed = 0;
  std::chrono::nanoseconds duration{0};
  std::vector<std::string> edges;
  const Evidence& evidence;
  const ArchiveContent& content;
  const std::vector<Recovery>& recoveries;
  const std::vector<soak::probe::Finding>& findings;
};

std::string aggregate_json(const ArtifactInput& input);
std::string phase45_json(const ArtifactInput& input, const std::string& edge);
std::string timeline_html(const ArtifactInput& input);

// Throws soak::Error(kSystem), which names the file.
void write_artifacts(const std::string& folder, const ArtifactInput& input);

}  // namespace mesh

#endif  // MESH_HARNESS_ARTIFACTS_H_

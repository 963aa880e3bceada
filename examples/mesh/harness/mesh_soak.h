// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_HARNESS_MESH_SOAK_H_
#define MESH_HARNESS_MESH_SOAK_H_

// A soak of the whole mesh: real processes under the workload `mixed` and a plan of faults, judged as every soak is
// (memory, descriptors, threads of each process, per message) and by verdict.h.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "soak/run.h"

namespace mesh {

struct MeshSoakOptions {
  std::string folder;       // For all that the run writes; made if it is missing.
  std::string program;      // `mesh`, as a path.
  std::size_t edges = 3;    // 2 to 100.
  std::size_t drivers = 0;  // As ClusterOptions.
  std::string faults;       // A plan; empty: none.
  std::chrono::nanoseconds interval = std::chrono::milliseconds{250};  // Between two iterations of an edge.
};

// A run that drives its cluster itself. Read the verdict afterwards.
class MeshSoak : public soak::Run {
 public:
  MeshSoak(soak::RunOptions options, MeshSoakOptions mesh);

  // Throws soak::Error if the cluster cannot be started, or the plan of faults cannot be read.
  void drive();

 private:
  MeshSoakOptions mesh_;
};

}  // namespace mesh

#endif  // MESH_HARNESS_MESH_SOAK_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_DIRECTORY_LEASES_H_
#define MESH_DIRECTORY_LEASES_H_

// How long other services may rely on what they were told of an agent. A revocation is complete when that is over.

#include <chrono>
#include <map>
#include <string>

#include "soak/event_loop.h"
#include "soak/task.h"

namespace mesh {

class Leases {
 public:
  static constexpr std::chrono::milliseconds kDuration{2000};

  // A process before this one may have given leases until just now.
  explicit Leases(soak::EventLoop& loop) : loop_(loop), of_predecessor_(loop.now()) {}

  void give(const std::string& handle) { given_[handle] = loop_.now(); }

  // When nobody relies on an answer about the agent any more, unless it is given a new one.
  soak::Instant end(const std::string& handle) const {
    const auto given = given_.find(handle);
    return (given == given_.end() ? of_predecessor_ : given->second) + kDuration;
  }

 private:
  soak::EventLoop& loop_;
  soak::Instant of_predecessor_;
  std::map<std::string, soak::Instant> given_;  // One entry for each agent at most.
};

}  // namespace mesh

#endif  // MESH_DIRECTORY_LEASES_H_

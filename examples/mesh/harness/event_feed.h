// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_HARNESS_EVENT_FEED_H_
#define MESH_HARNESS_EVENT_FEED_H_

// Follows the events.jsonl of an edge while it runs. Keeps sums only, so that it does not grow with the run.

#include <cstdint>
#include <string>

#include "mesh/harness/verdict.h"

namespace mesh {

class EventFeed {
 public:
  explicit EventFeed(std::string path) : path_(std::move(path)) {}

  // Reads what was added since the last call.
  void poll();

  const Signals& signals() const { return signals_; }  // Repetitions of an acknowledgement count again.
  std::uint64_t handled() const { return handled_; }
  // The process that wrote the last "synced", and how many there were.
  std::int64_t synced_by() const { return synced_by_; }
  bool settled() const { return settled_; }

 private:
  void take(std::string_view line);

  std::string path_;
  std::uint64_t read_ = 0;  // Bytes, to the end of the last whole line.
  Signals signals_;
  std::uint64_t handled_ = 0;
  std::int64_t synced_by_ = 0;
  bool settled_ = false;
};

}  // namespace mesh

#endif  // MESH_HARNESS_EVENT_FEED_H_

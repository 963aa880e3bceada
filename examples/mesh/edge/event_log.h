// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_EDGE_EVENT_LOG_H_
#define MESH_EDGE_EVENT_LOG_H_

// events.jsonl: what an edge did, one JSON object a line, for whoever judges the run. Each line is one write(), so that
// a SIGKILL loses none that was written. It is not what the edge recovers from: that is its journal.
//
// Every line has `at` (ms since 1970 by the clock that faults do not step), `edge` (its handle), `event` and `run` (the
// process id of the worker). ARTIFACTS.md lists the events and their fields.

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mesh {

struct EventField {
  std::string_view name;
  std::variant<std::string_view, std::uint64_t, double, bool> value;
};

class EventLog {
 public:
  // Appends to the file at `path`, made if it is missing; a torn last line is cut off. Throws soak::Error(kSystem).
  EventLog(const std::string& path, std::string edge);
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  // Renders a line, with the time of now.
  std::string line(std::string_view event, const std::vector<EventField>& fields = {}) const;
  // False if it could not be written, as on a full disk: nothing of it is there then.
  bool write(std::string_view line);

  // The messages, by sender and id, that the file said at the start to be handled, among its last lines.
  const std::set<std::pair<std::string, std::string>>& handled_before() const { return handled_before_; }

 private:
  void read_tail();

  std::string edge_;
  int file_ = -1;
  std::set<std::pair<std::string, std::string>> handled_before_;
};

}  // namespace mesh

#endif  // MESH_EDGE_EVENT_LOG_H_

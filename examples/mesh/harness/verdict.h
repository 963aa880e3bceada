// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_HARNESS_VERDICT_H_
#define MESH_HARNESS_VERDICT_H_

// What a run must show beside what every soak shows, from the events of its edges (events.jsonl) and from what the
// services hold at its end. Pure: evidence in, findings out.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/archive/archive.h"
#include "soak/growth/verdict.h"

namespace mesh {

// The six signals of the original, of one edge or of all.
struct Signals {
  std::uint64_t llm_tasks_completed = 0;
  std::uint64_t mesh_messages_sent = 0;   // Acknowledged by the relay, each once.
  std::uint64_t inbox_messages_seen = 0;  // Also those that came again.
  std::uint64_t sync_calls = 0;           // Answered.
  std::uint64_t receipts_seen = 0;        // Each once.
  std::uint64_t errors = 0;               // Calls that failed and were made again, and refusals.

  Signals& operator+=(const Signals& other);
  friend bool operator==(const Signals&, const Signals&) = default;
};

// A message by its sender and its id.
using MessageId = std::pair<std::string, std::string>;

struct SentMessage {
  std::string to;
  std::string kind;
  std::string in_reply_to;
};

// Gathers the events of all edges.
class Evidence {
 public:
  // A line of `edge`'s events.jsonl. A line that is no event counts in damaged().
  void add_line(std::string_view edge, std::string_view line);

  const Signals& signals(std::string_view edge) const;
  Signals all_signals() const;
  std::uint64_t damaged() const { return damaged_; }

  std::map<MessageId, SentMessage> acknowledged;                         // By the relay's 2xx.
  std::map<MessageId, std::vector<std::string>> handled;                 // By whom, each time.
  std::map<std::string, std::map<std::string, std::uint64_t>> receipts;  // Edge: its message's id: how many receipts.
  std::map<std::string, std::map<std::string, std::uint64_t>> answers;   // The same of responses.
  std::map<std::string, std::uint64_t> ingested;                         // Subject: the highest number acknowledged.
  std::vector<std::string> stale;         // "…": what a query behind an ingest returned.
  std::uint64_t reads = 0;                // Queries behind an acknowledged ingest.
  std::vector<std::string> gates_broken;  // "own review of c-demo-agent-a-3 was accepted"
  std::uint64_t gates_held = 0;
  std::set<std::string> promoted;                   // Candidates whose promotion was acknowledged.
  std::set<std::string> published;                  // Publications whose approval was acknowledged.
  std::vector<std::string> refused;                 // Sends that a service refused for good.
  std::map<std::string, std::uint64_t> duplicates;  // Edge: messages that came again and were dropped.

 private:
  std::map<std::string, Signals, std::less<>> signals_;
  std::map<std::string, std::set<std::string>> acknowledged_ids_;
  std::uint64_t damaged_ = 0;
};

// What the Archive holds when all is done.
struct ArchiveContent {
  std::vector<Item> items;
  std::vector<Publication> publications;
  std::map<std::string, std::uint64_t> current;  // Subject: the number in its current entry.
};

// Nothing acknowledged lost or doubled, every receipt matched, no query stale, every gate held; and that all of it was
// exercised. Empty if so.
std::vector<soak::probe::Finding> judge(const Evidence& evidence);
// The same of what the Archive holds: every acknowledged promotion, publication and ingest is there, and nothing was
// promoted or published without the review of another agent.
std::vector<soak::probe::Finding> judge(const Evidence& evidence, const ArchiveContent& content);

}  // namespace mesh

#endif  // MESH_HARNESS_VERDICT_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_EDGE_WORKER_H_
#define MESH_EDGE_WORKER_H_

// An edge worker: it sends requests to its peers, handles what comes, ingests and reads memory, and carries findings
// through promotion and publication. Kill it anywhere: the next one goes on where its journal ends.
//
//   message out   journal, then send until the relay's 2xx, then journal again
//   message in    handle, then one line of the journal with what it sends in return, then acknowledge with the next
//   sync
//
// So a message may be sent and come twice; the relay drops the one by its id, and the worker the other by its journal.
//
// The workload `mixed`: odd iterations are a query_request, even ones a task_request, each to a peer that follows from
// the seed and the number of the iteration, so that a restart goes on with the same one.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/edge/agent_client.h"
#include "mesh/edge/chat.h"
#include "mesh/edge/edge_state.h"
#include "mesh/edge/event_log.h"
#include "mesh/edge/journal.h"
#include "soak/backoff.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/semaphore.h"
#include "soak/task.h"

namespace mesh {

struct WorkerOptions {
  std::string handle;  // "@demo-agent-a"
  std::string directory_url;
  std::string relay_url;
  std::string archive_url;
  std::string workspace;
  std::vector<std::string> peers;  // Handles.
  std::uint64_t seed = 0;
  std::uint64_t iterations_max = 0;  // 0: no limit.
  bool passive = false;              // Answers and reviews, and begins nothing of its own.
  std::vector<std::string> tags;     // Of the artifacts that it saves.
  std::chrono::nanoseconds interval = std::chrono::milliseconds{250};       // Between iterations.
  std::chrono::nanoseconds sync_interval = std::chrono::milliseconds{200};  // Between syncs that bring nothing.
  std::chrono::nanoseconds work_interval = std::chrono::milliseconds{500};  // Between two looks at the Archive.
  std::uint64_t journal_bytes_max = std::uint64_t{1} << 20;                 // Then it is written anew, as a snapshot.
};

class Worker {
 public:
  // All of these outlive it. Throws soak::Error for a journal that is none.
  Worker(soak::EventLoop& loop, WorkerOptions options, Journal& journal, EventLog& events, AgentClient& client,
         Chat& chat);

  // Runs until stop(). Throws StorageError if its journal can no longer be trusted: end the process.
  soak::Task<> run();
  // Begins nothing new, and goes on until all that was begun is settled, which it writes as the event "settled".
  void finish();
  void stop() { stopped_.set(); }

  const EdgeState& state() const { return state_; }

 private:
  soak::Task<> go_on();
  soak::Task<> produce();
  soak::Task<> send();
  soak::Task<> sync();
  soak::Task<> work();
  soak::Task<> watch_settling();

  soak::Task<> handle(Incoming message);
  soak::Task<std::string> answer_query(const Incoming& message);
  soak::Task<std::string> answer_task(const Incoming& message);
  // The number in the current entry of `subject`. Writes the event of it, if at least `wanted` was acknowledged before.
  soak::Task<std::uint64_t> read_number(std::string subject, std::uint64_t wanted);

  soak::Task<> ingest_progress();
  soak::Task<> advance_candidate();
  soak::Task<> begin_candidate(std::uint64_t number);
  soak::Task<> publish(std::uint64_t number);
  soak::Task<> review_peer(std::string peer);
  soak::Task<> expect_refusal(std::string url, std::string body, std::string what);

  // One step: its line is stored, then it is applied. The caller holds `turn_` where the line depends on the state.
  soak::Task<> step(std::string line);
  soak::Task<> tell(std::string line);
  // Calls until the answer is no temporary failure.
  soak::Task<ServiceAnswer> call(std::string method, std::string url, std::string body);

  bool settled() const;
  std::string items_url() const;
  std::string name() const { return options_.handle.substr(1); }

  soak::EventLoop& loop_;
  WorkerOptions options_;
  Journal& journal_;
  EventLog& events_;
  AgentClient& client_;
  Chat& chat_;
  EdgeState state_;
  soak::Semaphore turn_{1};
  soak::Event outgoing_;
  soak::Event stopped_;
  soak::Event finishing_;
};

// The number at the end of an entry's text, "number 17"; 0 if there is none.
std::uint64_t number_in(std::string_view text);

}  // namespace mesh

#endif  // MESH_EDGE_WORKER_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_FINALISATIONS_H_
#define PUSHER_FINALISATIONS_H_

// The jobs that finish conversations. They belong to the process: a job goes on when the connection that asked for it
// has ended, and its answer goes to whoever asked for it last.
//
// A job is known by conversation, job id and generation. Asking for a running job again, as a client does that has
// reconnected, starts nothing; asking for a finished one gets the same answer at once. A generation older than the
// newest of its conversation is fenced. The jobs that are remembered are limited, so asking can not use up the memory.

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "pusher/frames.h"
#include "pusher/options.h"
#include "pusher/stores.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "soak/semaphore.h"
#include "soak/task.h"

namespace pusher {

class Finalisations {
 public:
  Finalisations(soak::EventLoop& loop, const Limits& limits, Stores& stores);

  void request(const Finalize& finalize, const std::shared_ptr<soak::net::WebSocket>& asker);

  // From now on a try that fails is repeated at once.
  void hurry() { hurry_.set(); }

  soak::TaskGroup& tasks() { return tasks_; }

 private:
  struct Job {
    Finalize request;
    std::optional<Finalized> answer;
    std::weak_ptr<soak::net::WebSocket> asker;
  };

  std::shared_ptr<Job> find(const Finalize& finalize) const;
  bool is_stale(const Finalize& finalize) const;
  bool make_room();
  void send(const std::weak_ptr<soak::net::WebSocket>& to, const Finalized& answer);
  soak::Task<> run(std::shared_ptr<Job> job);
  soak::Task<Finalized> finalise(const Finalize& request);
  soak::Task<> send_answer(std::weak_ptr<soak::net::WebSocket> to, std::string frame);

  const Limits& limits_;
  Stores& stores_;
  soak::Semaphore at_once_;
  soak::Event hurry_;
  std::list<std::shared_ptr<Job>> jobs_;  // Oldest first; running and finished.
  std::uint64_t started_ = 0;
  soak::TaskGroup tasks_;
};

}  // namespace pusher

#endif  // PUSHER_FINALISATIONS_H_

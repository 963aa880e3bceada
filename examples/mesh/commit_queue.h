// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_COMMIT_QUEUE_H_
#define MESH_COMMIT_QUEUE_H_

// Group commit: the transactions that wait while one sync runs share the next one.

#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <vector>

#include "mesh/records.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/task.h"

namespace mesh {

// What it commits to.
class Commits {
 public:
  virtual ~Commits() = default;
  virtual void begin() = 0;
  // Runs `work` so that nothing of it stays if it throws. A StorageError breaks the transaction of all.
  virtual void run(const std::function<void(Records&)>& work) = 0;
  // Makes what ran since begin() durable. Throws StorageError, and then nothing of it is visible.
  virtual soak::Task<> sync() = 0;
  virtual void roll_back() noexcept = 0;
};

class CommitQueue {
 public:
  // `commits` outlives it.
  CommitQueue(soak::EventLoop& loop, Commits& commits);
  // Drops what waits.
  ~CommitQueue();

  // As Storage::commit(). If it is cancelled while its sync runs, the transaction is stored nevertheless.
  soak::Task<> commit(const std::function<void(Records&)>& work);

 private:
  struct Waiting {
    const std::function<void(Records&)>* work;  // Null when its task is gone.
    std::exception_ptr failure;
    soak::Event done;
  };
  using Group = std::vector<std::shared_ptr<Waiting>>;

  soak::Task<> commit_all();
  soak::Task<> commit_group(const Group& group);

  Commits& commits_;
  std::deque<std::shared_ptr<Waiting>> waiting_;
  bool committing_ = false;
  soak::TaskGroup tasks_;
};

}  // namespace mesh

#endif  // MESH_COMMIT_QUEUE_H_

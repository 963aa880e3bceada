// SPDX-License-Identifier: Apache-2.0
#include "mesh/commit_queue.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "mesh/storage.h"

namespace mesh {
namespace {

// So that one sync does not keep the first of a group waiting for thousands.
constexpr std::size_t kGroupMax = 512;

}  // namespace

CommitQueue::CommitQueue(soak::EventLoop& loop, Commits& commits) : commits_(commits), tasks_(loop) {}

CommitQueue::~CommitQueue() { tasks_.end_in_place(); }

soak::Task<> CommitQueue::commit(const std::function<void(Records&)>& work) {
  const auto mine = std::make_shared<Waiting>();
  mine->work = &work;
  // However this ends, nobody calls `work` afterwards.
  struct Leave {
    Waiting& waiting;
    ~Leave() { waiting.work = nullptr; }
  };
  const Leave leave{*mine};
  waiting_.push_back(mine);
  if (!committing_) {
    committing_ = true;
    tasks_.start("commit", commit_all(), soak::TaskKind::kBackground);
  }
  co_await mine->done.wait();
  if (mine->failure) {
    std::rethrow_exception(mine->failure);
  }
}

soak::Task<> CommitQueue::commit_all() {
  while (!waiting_.empty()) {
    Group group;
    while (!waiting_.empty() && group.size() < kGroupMax) {
      group.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    soak::Task<> all = commit_group(group);
    std::exception_ptr failure;
    try {
      co_await std::move(all);
    } catch (...) {
      failure = std::current_exception();
    }
    for (const std::shared_ptr<Waiting>& one : group) {
      if (failure && group.size() > 1) {
        // One that is too big for the disk must not take the others with it.
        one->failure = nullptr;
        const Group alone = {one};
        soak::Task<> again = commit_group(alone);
        try {
          co_await std::move(again);
        } catch (...) {
          one->failure = std::current_exception();
        }
      } else if (failure) {
        one->failure = failure;
      }
      one->done.set();
    }
  }
  committing_ = false;
}

// Throws StorageError if the whole group failed.
soak::Task<> CommitQueue::commit_group(const Group& group) {
  commits_.begin();
  try {
    for (const std::shared_ptr<Waiting>& one : group) {
      if (one->work == nullptr) {
        continue;
      }
      try {
        commits_.run(*one->work);
      } catch (const StorageError&) {
        throw;
      } catch (...) {
        one->failure = std::current_exception();
      }
    }
  } catch (...) {
    commits_.roll_back();
    throw;
  }
  soak::Task<> syncing = commits_.sync();
  co_await std::move(syncing);
}

}  // namespace mesh

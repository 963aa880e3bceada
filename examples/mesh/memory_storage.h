// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_MEMORY_STORAGE_H_
#define MESH_MEMORY_STORAGE_H_

// A storage for tests and simulations, on a model of a disk: a sync takes time, and may be told to fail.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/commit_queue.h"
#include "mesh/records.h"
#include "mesh/storage.h"
#include "soak/event_loop.h"
#include "soak/task.h"

namespace mesh {

// The disk, which outlives the storages on it.
class MemoryDisk final : public Records {
 public:
  std::optional<std::string> get(std::string_view kind, std::string_view key) const override;
  void put(std::string_view kind, std::string_view key, std::string_view value) override;
  void remove(std::string_view kind, std::string_view key) override;
  std::vector<Record> list(std::string_view kind, std::string_view prefix, std::string_view after,
                           std::size_t limit) const override;

  std::chrono::nanoseconds sync_duration = std::chrono::milliseconds{2};
  // Called before each sync takes effect; null: it succeeds. A failure is thrown as StorageError.
  std::function<std::optional<StorageFailure>()> on_sync;

 private:
  std::map<std::pair<std::string, std::string>, std::string, std::less<>> records_;
};

// Destroying it forgets what was not synced, as a crash does.
class MemoryStorage final : public Storage {
 public:
  // `disk` outlives it.
  MemoryStorage(soak::EventLoop& loop, MemoryDisk& disk);
  ~MemoryStorage() override;
  MemoryStorage(const MemoryStorage&) = delete;
  MemoryStorage& operator=(const MemoryStorage&) = delete;

 private:
  class Writer;

  soak::Task<> commit(const std::function<void(Records&)>& work) override;
  const Records& begin_snapshot() override { return disk_; }
  void end_snapshot() noexcept override {}

  MemoryDisk& disk_;
  std::unique_ptr<Writer> writer_;
  CommitQueue commits_;
};

}  // namespace mesh

#endif  // MESH_MEMORY_STORAGE_H_

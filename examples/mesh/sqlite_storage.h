// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_SQLITE_STORAGE_H_
#define MESH_SQLITE_STORAGE_H_

// A storage in a SQLite file: write-ahead log, synced at every commit. The sync runs on the loop's thread pool, so that
// the loop reads and checks further requests meanwhile.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "mesh/commit_queue.h"
#include "mesh/records.h"
#include "mesh/storage.h"
#include "soak/event_loop.h"
#include "soak/task.h"

namespace mesh {

struct SqliteOptions {
  std::string path;  // The file; made with mode 0600 if it is not there.
  // The file never has more pages of 4 KiB; 0: no limit. Beyond it, writes fail as on a full disk.
  std::uint32_t pages_max = 0;
};

class SqliteStorage final : public Storage {
 public:
  // Throws StorageError: the file cannot be opened, is no database of this kind, or another process has it open.
  SqliteStorage(soak::EventLoop& loop, SqliteOptions options);
  // Drops the writes that wait, whose tasks must have ended, or end with it.
  ~SqliteStorage() override;
  SqliteStorage(const SqliteStorage&) = delete;
  SqliteStorage& operator=(const SqliteStorage&) = delete;

  std::uint64_t syncs() const;  // How many commits so far; fewer than writes when they share.

 private:
  class Connection;
  class Writer;
  class FileLock;

  soak::Task<> commit(const std::function<void(Records&)>& work) override;
  const Records& begin_snapshot() override;
  void end_snapshot() noexcept override;

  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Connection> reader_;
  CommitQueue commits_;
};

}  // namespace mesh

#endif  // MESH_SQLITE_STORAGE_H_

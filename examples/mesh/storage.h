// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_STORAGE_H_
#define MESH_STORAGE_H_

// Transactions on records that are durable when write() returns. A node knows this interface only, so it runs on SQLite
// (sqlite_storage.h) as well as in a simulation (memory_storage.h).
//
//   const std::uint64_t number = co_await storage.write([&](Records& records) { return append(records, message); });
//   const std::size_t waiting = storage.read([&](const Records& records) { return count(records, "@ada"); });
//
// Use a storage on its loop's thread; it must not outlive the loop.

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "mesh/records.h"
#include "soak/error.h"
#include "soak/task.h"

namespace mesh {

enum class StorageFailure {
  kFull,    // No room. Nothing was stored.
  kFailed,  // Anything else. It may be stored or not.
};

class StorageError : public soak::Error {
 public:
  StorageError(StorageFailure failure, const std::string& what)
      : soak::Error(soak::Errc::kSystem, what), failure_(failure) {}
  StorageFailure failure() const noexcept { return failure_; }

 private:
  StorageFailure failure_;
};

class Storage {
 public:
  virtual ~Storage() = default;

  // Runs `work(records)` as one transaction and returns its result when that is durable. The transactions that wait at
  // the same time share one sync: each sees what those before it wrote, and none returns before all are durable.
  //
  // If `work` throws, nothing of it is stored, and the others are not affected. Throws StorageError. If the sync of
  // several fails, each runs again alone: `work` may be called more than once, and changes nothing but the records and
  // its result. It must not use the storage itself.
  //
  // In the awaited expression, capture by reference only (g++ 12, see soak/task.h).
  template <std::invocable<Records&> Work>
  soak::Task<std::invoke_result_t<Work&, Records&>> write(Work work) {
    using Result = std::invoke_result_t<Work&, Records&>;
    if constexpr (std::is_void_v<Result>) {
      const std::function<void(Records&)> run = std::ref(work);
      soak::Task<> committing = commit(run);
      co_await std::move(committing);
    } else {
      std::optional<Result> result;
      const std::function<void(Records&)> run = [&](Records& records) { result.emplace(work(records)); };
      soak::Task<> committing = commit(run);
      co_await std::move(committing);
      co_return std::move(*result);
    }
  }

  // Runs `work(records)` on what is durable, as one snapshot. Throws StorageError.
  template <std::invocable<const Records&> Work>
  std::invoke_result_t<Work&, const Records&> read(Work work) {
    const Snapshot snapshot(*this);
    return work(snapshot.records);
  }

 protected:
  // `work` lives until the task has ended or is destroyed.
  virtual soak::Task<> commit(const std::function<void(Records&)>& work) = 0;
  virtual const Records& begin_snapshot() = 0;
  virtual void end_snapshot() noexcept = 0;

 private:
  struct Snapshot {
    explicit Snapshot(Storage& of) : storage(of), records(of.begin_snapshot()) {}
    ~Snapshot() { storage.end_snapshot(); }
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

    Storage& storage;
    const Records& records;
  };
};

}  // namespace mesh

#endif  // MESH_STORAGE_H_

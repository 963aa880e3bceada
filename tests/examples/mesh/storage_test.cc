// SPDX-License-Identifier: Apache-2.0
// The storages: what a transaction sees, what is durable when, and what a full disk does.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstddef>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "conftest/scratch_folder.h"
#include "mesh/memory_storage.h"
#include "mesh/sqlite_storage.h"
#include "soak/event_loop.h"
#include "soak/gather.h"
#include "soak/task.h"

namespace mesh {
namespace {

using namespace std::chrono_literals;
using soak::Task;
using soak::conftest::ScratchFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> keys_of(const std::vector<Record>& records) {
  std::vector<std::string> keys;
  for (const Record& record : records) {
    keys.push_back(record.key);
  }
  return keys;
}

Task<> put(Storage& storage, std::string key, std::string value) {
  Task<> writing = storage.write([&](Records& records) { records.put("k", key, value); });
  co_await std::move(writing);
}

std::optional<std::string> get(Storage& storage, const std::string& key) {
  return storage.read([&](const Records& records) { return records.get("k", key); });
}

// Every promise of the interface, on both.
class StorageTest : public testing::TestWithParam<bool> {
 protected:
  // Again on the same disk, as after a crash.
  void open() {
    storage_.reset();
    if (GetParam()) {
      storage_ = std::make_unique<SqliteStorage>(loop_, SqliteOptions{folder_ / "mesh.db"});
    } else {
      storage_ = std::make_unique<MemoryStorage>(loop_, disk_);
    }
  }
  Storage& storage() { return *storage_; }

  soak::VirtualLoop loop_;

 private:
  ScratchFolder folder_;
  MemoryDisk disk_;
  std::unique_ptr<Storage> storage_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, StorageTest, testing::Bool(),
                         [](const testing::TestParamInfo<bool>& kind) { return kind.param ? "Sqlite" : "Memory"; });

TEST_P(StorageTest, WhatWriteReturnedForIsThereAfterReopening) {
  open();
  loop_.run(put(storage(), "a", std::string("nul\0byte", 8)));
  open();

  EXPECT_EQ(get(storage(), "a"), std::string("nul\0byte", 8));
}

TEST_P(StorageTest, AWorkThatThrowsStoresNothingAndItsNeighboursStay) {
  open();
  std::string thrown;
  const auto bad = [&]() -> Task<> {
    Task<> writing = storage().write([](Records& records) {
      records.put("k", "bad", "1");
      records.remove("k", "before");
      throw std::runtime_error("refused");
    });
    try {
      co_await std::move(writing);
    } catch (const std::runtime_error& error) {
      thrown = error.what();
    }
  };
  loop_.run([&]() -> Task<> {
    co_await put(storage(), "before", "1");
    std::vector<Task<>> together;
    together.push_back(put(storage(), "one", "1"));
    together.push_back(bad());
    together.push_back(put(storage(), "two", "1"));
    Task<std::vector<soak::GatherResult<void>>> all = soak::gather(std::move(together));
    const std::vector<soak::GatherResult<void>> results = co_await std::move(all);
    EXPECT_EQ(results.size(), 3u);
  }());

  EXPECT_EQ(thrown, "refused");
  EXPECT_EQ(get(storage(), "bad"), std::nullopt);
  EXPECT_EQ(get(storage(), "before"), "1");
  EXPECT_EQ(get(storage(), "one"), "1");
  EXPECT_EQ(get(storage(), "two"), "1");
}

TEST_P(StorageTest, ATransactionSeesWhatThoseBeforeItInItsGroupWrote) {
  open();
  std::vector<std::size_t> seen;
  const auto append = [&]() -> Task<> {
    Task<std::size_t> writing = storage().write([](Records& records) {
      const std::size_t number = records.list("k", "", "", 100).size() + 1;
      records.put("k", std::to_string(number), "x");
      return number;
    });
    const std::size_t number = co_await std::move(writing);
    seen.push_back(number);
  };
  loop_.run([&]() -> Task<> {
    std::vector<Task<>> together;
    for (int i = 0; i < 3; ++i) {
      together.push_back(append());
    }
    Task<std::vector<soak::GatherResult<void>>> all = soak::gather(std::move(together));
    const std::vector<soak::GatherResult<void>> results = co_await std::move(all);
    EXPECT_EQ(results.size(), 3u);
  }());

  EXPECT_THAT(seen, ElementsAre(1, 2, 3));
}

TEST_P(StorageTest, ListsInTheOrderOfTheBytesAfterAKeyAndWithinAPrefix) {
  open();
  loop_.run([&]() -> Task<> {
    Task<> writing = storage().write([](Records& records) {
      for (const char* key : {"b/2", "b/10", "b", "a/1", "b/\xff", "c"}) {
        records.put("k", key, "");
      }
      records.put("other", "b/0", "");
      records.put("k", "b/1", "");
      records.remove("k", "b/10");
      EXPECT_THAT(keys_of(records.list("k", "b/", "", 9)),
                  ElementsAre("b/1", "b/2", "b/\xff"));  // Its own changes too.
    });
    co_await std::move(writing);
  }());

  storage().read([](const Records& records) {
    EXPECT_THAT(keys_of(records.list("k", "b/", "", 9)), ElementsAre("b/1", "b/2", "b/\xff"));
    EXPECT_THAT(keys_of(records.list("k", "b/", "b/1", 9)), ElementsAre("b/2", "b/\xff"));
    EXPECT_THAT(keys_of(records.list("k", "", "", 2)), ElementsAre("a/1", "b"));
    EXPECT_THAT(keys_of(records.list("k", "b/", "c", 9)), IsEmpty());
    EXPECT_THAT(keys_of(records.list("k", "b/", "a", 1)), ElementsAre("b/1"));
    EXPECT_THAT(keys_of(records.list("none", "", "", 9)), IsEmpty());
  });
}

TEST(MemoryStorageTest, ACrashWithinASyncLosesWhatWasNotAcknowledgedAndNothingElse) {
  soak::VirtualLoop loop;
  MemoryDisk disk;
  disk.sync_duration = 10ms;
  auto storage = std::make_unique<MemoryStorage>(loop, disk);
  loop.run(put(*storage, "acknowledged", "1"));

  loop.run([&]() -> Task<> {
    soak::TaskGroup group(co_await soak::this_loop());
    group.start("write", put(*storage, "under_way", "1"));
    co_await soak::sleep_for(9ms);
    EXPECT_EQ(get(*storage, "under_way"), std::nullopt);  // Nobody reads what a crash would take back.
    group.end_in_place();
    storage.reset();
    co_await soak::sleep_for(1s);
  }());
  MemoryStorage after(loop, disk);

  EXPECT_EQ(get(after, "acknowledged"), "1");
  EXPECT_EQ(get(after, "under_way"), std::nullopt);
}

TEST(MemoryStorageTest, AFailedSyncIsReportedAndStoresNothing) {
  soak::VirtualLoop loop;
  MemoryDisk disk;
  MemoryStorage storage(loop, disk);
  disk.on_sync = [] { return std::optional(StorageFailure::kFailed); };

  EXPECT_THROW(loop.run(put(storage, "a", "1")), StorageError);
  disk.on_sync = nullptr;
  EXPECT_EQ(get(storage, "a"), std::nullopt);
  loop.run(put(storage, "b", "1"));
  EXPECT_EQ(get(storage, "b"), "1");
}

TEST(SqliteStorageTest, WritesThatWaitTogetherShareASync) {
  ScratchFolder folder;
  soak::VirtualLoop loop;
  SqliteStorage storage(loop, {folder / "mesh.db"});

  loop.run([&]() -> Task<> {
    std::vector<Task<>> together;
    for (int i = 0; i < 100; ++i) {
      together.push_back(put(storage, std::to_string(i), "1"));
    }
    Task<std::vector<soak::GatherResult<void>>> all = soak::gather(std::move(together), {.max_concurrency = 100});
    const std::vector<soak::GatherResult<void>> results = co_await std::move(all);
    EXPECT_EQ(results.size(), 100u);
  }());

  EXPECT_LE(storage.syncs(), 2u);
  EXPECT_EQ(get(storage, "99"), "1");
}

TEST(SqliteStorageTest, AFullDiskRefusesWhatDoesNotFitAndKeepsTheRest) {
  ScratchFolder folder;
  soak::VirtualLoop loop;
  SqliteStorage storage(loop, {.path = folder / "mesh.db", .pages_max = 16});
  loop.run(put(storage, "before", "1"));
  std::optional<StorageFailure> failure;
  const auto too_big = [&]() -> Task<> {
    Task<> writing = put(storage, "big", std::string(std::size_t{1} << 20, 'x'));
    try {
      co_await std::move(writing);
    } catch (const StorageError& error) {
      failure = error.failure();
    }
  };

  loop.run([&]() -> Task<> {
    std::vector<Task<>> together;
    together.push_back(put(storage, "one", "1"));
    together.push_back(too_big());
    together.push_back(put(storage, "two", "1"));
    Task<std::vector<soak::GatherResult<void>>> all = soak::gather(std::move(together));
    const std::vector<soak::GatherResult<void>> results = co_await std::move(all);
    EXPECT_TRUE(results[0].ok());
    EXPECT_TRUE(results[2].ok());
  }());

  EXPECT_EQ(failure, StorageFailure::kFull);
  EXPECT_EQ(get(storage, "big"), std::nullopt);
  EXPECT_EQ(get(storage, "before"), "1");
  EXPECT_EQ(get(storage, "one"), "1");
  EXPECT_EQ(get(storage, "two"), "1");
}

std::string reason_of_refusal(soak::EventLoop& loop, const std::string& path) {
  try {
    const SqliteStorage storage(loop, {path});
  } catch (const StorageError& error) {
    return error.what();
  }
  return "it opened";
}

TEST(SqliteStorageTest, RefusesAFileInUseAForeignOneAndAFolder) {
  ScratchFolder folder;
  soak::VirtualLoop loop;
  const SqliteStorage storage(loop, {folder / "mesh.db"});
  std::ofstream(folder / "garbage.db") << "this is no database, whatever its name says, and it is long enough to tell";

  EXPECT_THAT(reason_of_refusal(loop, folder / "mesh.db"), HasSubstr("mesh.db is in use by another process"));
  EXPECT_THAT(reason_of_refusal(loop, folder / "garbage.db"), HasSubstr("garbage.db: "));
  EXPECT_THAT(reason_of_refusal(loop, folder / "none/mesh.db"), HasSubstr("none/mesh.db.lock cannot be opened"));
}

TEST(SqliteStorageTest, ItsFilesAreReadableForTheirOwnerOnly) {
  ScratchFolder folder;
  soak::VirtualLoop loop;
  SqliteStorage storage(loop, {folder / "mesh.db"});
  loop.run(put(storage, "a", "1"));

  for (const char* name : {"mesh.db", "mesh.db-wal"}) {
    struct stat file {};
    ASSERT_EQ(stat((folder / name).c_str(), &file), 0) << name;
    EXPECT_EQ(file.st_mode & 0777U, 0600u) << name;
  }
}

// The sync runs on another thread here.
TEST(SqliteStorageTest, WritesFromManyTasksInRealTime) {
  ScratchFolder folder;
  soak::UvLoop loop;
  SqliteStorage storage(loop, {folder / "mesh.db"});

  loop.run([&]() -> Task<> {
    std::vector<Task<>> together;
    for (int i = 0; i < 200; ++i) {
      together.push_back(put(storage, std::to_string(i), "1"));
    }
    Task<std::vector<soak::GatherResult<void>>> all = soak::gather(std::move(together), {.max_concurrency = 20});
    const std::vector<soak::GatherResult<void>> results = co_await std::move(all);
    EXPECT_EQ(results.size(), 200u);
  }());

  EXPECT_EQ(storage.read([](const Records& records) { return records.list("k", "", "", 1000).size(); }), 200u);
  EXPECT_LT(storage.syncs(), 200u);
}

}  // namespace
}  // namespace mesh

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "library_soak.h"

namespace {

using soak::conftest::ScratchFolder;

// A memtable is 64 MiB, and a second one fills while the first is written.
constexpr std::uint64_t kCaches = 192 * soak::kMiB;

void put_and_scan(soak::Run& run, bool forgets) {
  const ScratchFolder folder;
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* opened = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(options, folder / "items", &opened).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  std::mt19937 random(1);
  std::uint64_t pass = 0;
  // Deleted after the run: a database does not close while there is one.
  std::vector<std::unique_ptr<rocksdb::Iterator>> forgotten;
  for (auto cycle : run) {
    for (int i = 0; i < 20; ++i) {
      const std::string key = std::to_string(random() % 50'000);
      ASSERT_TRUE(db->Put({}, key, std::string(2000 + random() % 4000, 'x')).ok());
      run.count("puts");
    }
    rocksdb::Iterator* const iterator = db->NewIterator({});
    iterator->Seek(std::to_string(random() % 50'000));
    for (int i = 0; i < 10 && iterator->Valid(); ++i) {
      iterator->Next();
    }
    run.count("scans");
    if (forgets && soak::tests::is_one_in_fifty(pass)) {
      forgotten.emplace_back(iterator);
    } else {
      delete iterator;
    }
    ++pass;
    soak::tests::pause_between_passes();
    cycle.quiescent();
  }
}

SOAK_TEST(RocksDb, PutAndScan) {
  soak::Run run(soak::tests::ten_minutes(kCaches));
  put_and_scan(run, false);
  soak::tests::expect_clean(run);
}

SOAK_TEST(RocksDb, AnIteratorInFiftyIsNotDeleted) {
  soak::Run run(soak::tests::ten_minutes(kCaches));
  put_and_scan(run, true);
  soak::tests::expect_leak_per(run, "scan");
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <leveldb/db.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "library_soak.h"

namespace {

using soak::conftest::ScratchFolder;

void put_and_scan(soak::Run& run, bool forgets) {
  const ScratchFolder folder;
  leveldb::Options options;
  options.create_if_missing = true;
  leveldb::DB* opened = nullptr;
  ASSERT_TRUE(leveldb::DB::Open(options, folder / "items", &opened).ok());
  const std::unique_ptr<leveldb::DB> db(opened);
  std::mt19937 random(1);
  std::uint64_t pass = 0;
  // Deleted after the run: a database does not close while there is one.
  std::vector<std::unique_ptr<leveldb::Iterator>> forgotten;
  for (auto cycle : run) {
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(db->Put({}, std::to_string(random() % 50'000), std::string(100 + random() % 900, 'x')).ok());
      run.count("puts");
    }
    leveldb::Iterator* const iterator = db->NewIterator({});
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

SOAK_TEST(LevelDb, PutAndScan) {
  soak::Run run(soak::tests::ten_minutes(32 * soak::kMiB));
  put_and_scan(run, false);
  soak::tests::expect_clean(run);
}

SOAK_TEST(LevelDb, AnIteratorInFiftyIsNotDeleted) {
  soak::Run run(soak::tests::ten_minutes(32 * soak::kMiB));
  put_and_scan(run, true);
  soak::tests::expect_leak_per(run, "scan");
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <leveldb/db.h>

#include "key_value_soak.h"
#include "library_soak.h"

namespace {

void put_and_scan(soak::Run& run, bool forgets) {
  soak::tests::put_and_scan<leveldb::DB, leveldb::Iterator, leveldb::Options>(run, 100, 1000, forgets);
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

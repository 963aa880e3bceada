// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <cstdint>

#include "key_value_soak.h"
#include "library_soak.h"

namespace {

// A memtable is 64 MiB, and a second one fills while the first is written.
constexpr std::uint64_t kCaches = 192 * soak::kMiB;

void put_and_scan(soak::Run& run, bool forgets) {
  soak::tests::put_and_scan<rocksdb::DB, rocksdb::Iterator, rocksdb::Options>(run, 2000, 6000, forgets);
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

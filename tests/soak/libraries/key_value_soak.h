// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_SOAK_LIBRARIES_KEY_VALUE_SOAK_H_
#define SOAK_TESTS_SOAK_LIBRARIES_KEY_VALUE_SOAK_H_

// What the soaks of LevelDB and RocksDB do, which share their interface.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "library_soak.h"

namespace soak::tests {

// Puts values of these sizes, and scans. With `forgets`, one iterator in fifty is not deleted.
template <typename Db, typename Iterator, typename Options>
void put_and_scan(Run& run, std::uint32_t value_bytes_min, std::uint32_t value_bytes_max, bool forgets) {
  const conftest::ScratchFolder folder;
  Options options;
  options.create_if_missing = true;
  Db* opened = nullptr;
  ASSERT_TRUE(Db::Open(options, folder / "items", &opened).ok());
  const std::unique_ptr<Db> db(opened);
  std::mt19937 random(1);
  std::uint64_t pass = 0;
  // Deleted after the run: a database does not close while there is one.
  std::vector<std::unique_ptr<Iterator>> forgotten;
  for (auto cycle : run) {
    for (int i = 0; i < 20; ++i) {
      const std::string key = std::to_string(random() % 50'000);
      const std::size_t bytes = value_bytes_min + random() % (value_bytes_max - value_bytes_min);
      ASSERT_TRUE(db->Put({}, key, std::string(bytes, 'x')).ok());
      run.count("puts");
    }
    Iterator* const iterator = db->NewIterator({});
    iterator->Seek(std::to_string(random() % 50'000));
    for (int i = 0; i < 10 && iterator->Valid(); ++i) {
      iterator->Next();
    }
    run.count("scans");
    if (forgets && is_one_in_fifty(pass)) {
      forgotten.emplace_back(iterator);
    } else {
      delete iterator;
    }
    ++pass;
    pause_between_passes();
    cycle.quiescent();
  }
}

}  // namespace soak::tests

#endif  // SOAK_TESTS_SOAK_LIBRARIES_KEY_VALUE_SOAK_H_

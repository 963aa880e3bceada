// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <random>
#include <string>

#include "library_soak.h"

namespace {

using soak::conftest::ScratchFolder;

constexpr int kKeys = 50'000;

class Database {
 public:
  explicit Database(const std::string& path) {
    EXPECT_EQ(::sqlite3_open(path.c_str(), &db_), SQLITE_OK);
    ::sqlite3_exec(db_, "create table items(id integer primary key, body text)", nullptr, nullptr, nullptr);
  }
  ~Database() { ::sqlite3_close_v2(db_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void begin() { ::sqlite3_exec(db_, "begin", nullptr, nullptr, nullptr); }
  void commit() { ::sqlite3_exec(db_, "commit", nullptr, nullptr, nullptr); }

  // The caller finalises it.
  sqlite3_stmt* put(int id, const std::string& body) {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(::sqlite3_prepare_v2(db_, "insert or replace into items values(?, ?)", -1, &statement, nullptr),
              SQLITE_OK);
    ::sqlite3_bind_int(statement, 1, id);
    ::sqlite3_bind_text(statement, 2, body.c_str(), static_cast<int>(body.size()), SQLITE_TRANSIENT);
    EXPECT_EQ(::sqlite3_step(statement), SQLITE_DONE);
    return statement;
  }

 private:
  sqlite3* db_ = nullptr;
};

void put_keys(soak::Run& run, bool forgets) {
  const ScratchFolder folder;
  Database database(folder / "items.db");
  std::mt19937 random(1);
  std::uint64_t query = 0;
  for (auto cycle : run) {
    database.begin();
    for (int i = 0; i < 20; ++i, ++query) {
      sqlite3_stmt* const statement =
          database.put(static_cast<int>(random() % kKeys), std::string(20 + random() % 200, 'x'));
      if (forgets && soak::tests::is_one_in_fifty(query)) {
        ::sqlite3_reset(statement);
      } else {
        ::sqlite3_finalize(statement);
      }
      run.count("queries");
    }
    database.commit();
    soak::tests::pause_between_passes();
    cycle.quiescent();
  }
}

SOAK_TEST(Sqlite, InsertOrReplaceInAFile) {
  soak::Run run(soak::tests::ten_minutes(16 * soak::kMiB));
  put_keys(run, false);
  soak::tests::expect_clean(run);
}

SOAK_TEST(Sqlite, AStatementInFiftyIsNotFinalised) {
  soak::Run run(soak::tests::ten_minutes(16 * soak::kMiB));
  put_keys(run, true);
  soak::tests::expect_leak_per(run, "query");
}

}  // namespace

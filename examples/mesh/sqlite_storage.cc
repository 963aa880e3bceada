// SPDX-License-Identifier: Apache-2.0
#include "mesh/sqlite_storage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "soak/run_blocking.h"

namespace mesh {
namespace {

constexpr int kSchema = 1;
constexpr int kApplicationId = 0x6d657368;  // "mesh": what `file` and a careful operator see.

}  // namespace

// One process owns a file. SQLite's own locks would let two share it, and each would keep in memory what the other
// changes.
class SqliteStorage::FileLock {
 public:
  explicit FileLock(const std::string& path) : fd_(open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (fd_ < 0) {
      throw StorageError(StorageFailure::kFailed,
                         fmt::format("{}.lock cannot be opened: {}", path, std::strerror(errno)));
    }
    if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      close(fd_);
      throw StorageError(StorageFailure::kFailed, fmt::format("{} is in use by another process", path));
    }
  }
  ~FileLock() { close(fd_); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int fd_;
};

// A connection, and its records.
class SqliteStorage::Connection final : public Records {
 public:
  explicit Connection(const SqliteOptions& options) : path_(options.path) {
    // So that the file, and the log beside it, are readable for their owner only.
    const int made = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (made < 0) {
      throw StorageError(StorageFailure::kFailed, fmt::format("{} cannot be opened: {}", path_, std::strerror(errno)));
    }
    close(made);
    const int opened =
        sqlite3_open_v2(path_.c_str(), &database_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
    try {
      check(opened, "open");
      sqlite3_busy_timeout(database_, 5000);
      execute("PRAGMA journal_mode = WAL");
      execute("PRAGMA synchronous = FULL");
      create_schema();
      if (options.pages_max != 0) {
        execute(fmt::format("PRAGMA max_page_count = {}", options.pages_max).c_str());
      }
      get_ = prepare("SELECT value FROM records WHERE kind = ?1 AND key = ?2");
      put_ = prepare(
          "INSERT INTO records (kind, key, value) VALUES (?1, ?2, ?3) "
          "ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value");
      remove_ = prepare("DELETE FROM records WHERE kind = ?1 AND key = ?2");
      list_ =
          prepare("SELECT key, value FROM records WHERE kind = ?1 AND key >= ?2 AND key > ?3 ORDER BY key LIMIT ?4");
    } catch (...) {
      release();
      throw;
    }
  }
  ~Connection() override { release(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  std::optional<std::string> get(std::string_view kind, std::string_view key) const override {
    const Run run(*this, get_);
    run.bind(1, kind);
    run.bind(2, key);
    return run.step() ? std::optional(run.column(0)) : std::nullopt;
  }

  void put(std::string_view kind, std::string_view key, std::string_view value) override {
    const Run run(*this, put_);
    run.bind(1, kind);
    run.bind(2, key);
    run.bind(3, value);
    run.step();
  }

  void remove(std::string_view kind, std::string_view key) override {
    const Run run(*this, remove_);
    run.bind(1, kind);
    run.bind(2, key);
    run.step();
  }

  std::vector<Record> list(std::string_view kind, std::string_view prefix, std::string_view after,
                           std::size_t limit) const override {
    std::vector<Record> found;
    const Run run(*this, list_);
    run.bind(1, kind);
    run.bind(2, prefix);
    run.bind(3, after);
    run.bind(4, static_cast<std::int64_t>(std::min<std::size_t>(limit, SIZE_MAX / 2)));
    while (run.step()) {
      std::string key = run.column(0);
      if (key.compare(0, prefix.size(), prefix) != 0) {
        break;
      }
      found.push_back({std::move(key), run.column(1)});
    }
    return found;
  }

  void execute(const char* sql) const { check(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr), sql); }

  // After some failures SQLite has already rolled back by itself.
  void roll_back() const noexcept {
    if (sqlite3_get_autocommit(database_) == 0) {
      sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
    }
  }

  int changes() const { return sqlite3_total_changes(database_); }

 private:
  // One execution of a statement.
  class Run {
   public:
    Run(const Connection& connection, sqlite3_stmt* statement) : connection_(connection), statement_(statement) {}
    ~Run() {
      sqlite3_reset(statement_);
      sqlite3_clear_bindings(statement_);
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    // The bytes outlive the run. Never null: an empty key is a value, not NULL.
    void bind(int at, std::string_view bytes) const {
      const char* data = bytes.data() == nullptr ? "" : bytes.data();
      connection_.check(sqlite3_bind_blob64(statement_, at, data, bytes.size(), SQLITE_STATIC), "bind");
    }
    void bind(int at, std::int64_t number) const {
      connection_.check(sqlite3_bind_int64(statement_, at, number), "bind");
    }
    bool step() const {
      const int result = sqlite3_step(statement_);
      if (result == SQLITE_ROW) {
        return true;
      }
      if (result != SQLITE_DONE) {
        connection_.check(result, "step");
      }
      return false;
    }
    std::string column(int at) const {
      const void* data = sqlite3_column_blob(statement_, at);
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, at));
      return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
    }

   private:
    const Connection& connection_;
    sqlite3_stmt* statement_;
  };

  void create_schema() const {
    const std::int64_t version = number("PRAGMA user_version");
    if (version == kSchema && number("PRAGMA application_id") == kApplicationId) {
      return;
    }
    if (version != 0 || number("SELECT count(*) FROM sqlite_master") != 0) {
      throw StorageError(StorageFailure::kFailed,
                         fmt::format("{} is not a database of mesh with schema {}", path_, kSchema));
    }
    execute(fmt::format("BEGIN IMMEDIATE;"
                        "CREATE TABLE records (kind BLOB NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, "
                        "PRIMARY KEY (kind, key)) WITHOUT ROWID;"
                        "PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT",
                        kApplicationId, kSchema)
                .c_str());
  }

  std::int64_t number(const char* sql) const {
    sqlite3_stmt* statement = prepare(sql);
    const int result = sqlite3_step(statement);
    const std::int64_t value = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    if (result != SQLITE_ROW) {
      check(result, sql);
    }
    return value;
  }

  sqlite3_stmt* prepare(const char* sql) const {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v3(database_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr), sql);
    return statement;
  }

  void check(int result, const char* what) const {
    if (result == SQLITE_OK) {
      return;
    }
    const int extended = database_ == nullptr ? result : sqlite3_extended_errcode(database_);
    const char* reason = database_ == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(database_);
    const bool full = (result & 0xff) == SQLITE_FULL;
    throw StorageError(full ? StorageFailure::kFull : StorageFailure::kFailed,
                       fmt::format("{}: {}: {} (SQLite error {})", path_, what, reason, extended));
  }

  void release() noexcept {
    for (sqlite3_stmt* statement : {get_, put_, remove_, list_}) {
      sqlite3_finalize(statement);
    }
    sqlite3_close(database_);
  }

  std::string path_;
  sqlite3* database_ = nullptr;
  sqlite3_stmt* get_ = nullptr;
  sqlite3_stmt* put_ = nullptr;
  sqlite3_stmt* remove_ = nullptr;
  sqlite3_stmt* list_ = nullptr;
};

class SqliteStorage::Writer final : public Commits {
 public:
  explicit Writer(const SqliteOptions& options) : connection_(std::make_shared<Connection>(options)) {}

  void begin() override {
    connection_->execute("BEGIN IMMEDIATE");
    changes_before_ = connection_->changes();
  }

  void run(const std::function<void(Records&)>& work) override {
    connection_->execute("SAVEPOINT one");
    try {
      work(*connection_);
    } catch (const StorageError&) {
      throw;
    } catch (...) {
      connection_->execute("ROLLBACK TO one");
      connection_->execute("RELEASE one");
      throw;
    }
    connection_->execute("RELEASE one");
  }

  soak::Task<> sync() override {
    if (connection_->changes() == changes_before_) {
      connection_->execute("COMMIT");
      co_return;
    }
    ++syncs_;
    // The call owns the connection: the pool may finish it after this storage is gone.
    soak::Task<> committing = soak::run_blocking([connection = connection_] {
      try {
        connection->execute("COMMIT");
      } catch (...) {
        connection->roll_back();
        throw;
      }
    });
    co_await std::move(committing);
  }

  void roll_back() noexcept override { connection_->roll_back(); }

  std::uint64_t syncs() const { return syncs_; }

 private:
  std::shared_ptr<Connection> connection_;
  int changes_before_ = 0;
  std::uint64_t syncs_ = 0;
};

SqliteStorage::SqliteStorage(soak::EventLoop& loop, SqliteOptions options)
    : lock_(std::make_unique<FileLock>(options.path)),
      writer_(std::make_unique<Writer>(options)),
      reader_(std::make_unique<Connection>(options)),
      commits_(loop, *writer_) {}

SqliteStorage::~SqliteStorage() = default;

std::uint64_t SqliteStorage::syncs() const { return writer_->syncs(); }

soak::Task<> SqliteStorage::commit(const std::function<void(Records&)>& work) { return commits_.commit(work); }

const Records& SqliteStorage::begin_snapshot() {
  reader_->execute("BEGIN");
  return *reader_;
}

void SqliteStorage::end_snapshot() noexcept { reader_->roll_back(); }

}  // namespace mesh

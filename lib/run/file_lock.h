// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_FILE_LOCK_H_
#define SOAK_LIB_RUN_FILE_LOCK_H_

#include <sys/types.h>

#include <optional>
#include <string>

namespace soak {

// That nobody else uses `path`: a lock on the file PATH.lock, for as long as this lives. The kernel takes it back when
// the process dies, however it dies.
class FileLock {
 public:
  // Empty when another process, or another FileLock of this one, holds it. Throws Error(Errc::kSystem) when the lock's
  // file cannot be made; directories that it needs are made.
  static std::optional<FileLock> take(const std::string& path);

  // The process that holds the lock on `path`, or held it last; empty where that cannot be told.
  static std::optional<pid_t> holder(const std::string& path);
  // Whether a FileLock of this process holds it.
  static bool is_held_here(const std::string& path);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  FileLock(std::string file, int fd);

  std::string file_;
  int fd_;
};

}  // namespace soak

#endif  // SOAK_LIB_RUN_FILE_LOCK_H_

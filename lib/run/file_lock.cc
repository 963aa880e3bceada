// SPDX-License-Identifier: Apache-2.0
#include "lib/run/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <system_error>
#include <utility>

#include "soak/error.h"

namespace soak {
namespace {

// The previous holder may have removed the file after it was opened here; the lock then protects nothing.
bool is_the_file(int fd, const std::string& file) {
  struct stat open = {};
  struct stat named = {};
  return ::fstat(fd, &open) == 0 && ::stat(file.c_str(), &named) == 0 && open.st_dev == named.st_dev &&
         open.st_ino == named.st_ino;
}

[[noreturn]] void refuse(const std::string& path, int error) {
  throw Error(Errc::kSystem, path + ": " + std::generic_category().message(error));
}

std::string lock_file(const std::string& path) { return path + ".lock"; }

struct Held {
  std::mutex mutex;
  std::set<std::string> files;
};

Held& held_here() {
  static Held held;
  return held;
}

}  // namespace

std::optional<FileLock> FileLock::take(const std::string& path) {
  const std::string file = lock_file(path);
  if (const std::filesystem::path directory = std::filesystem::path(file).parent_path(); !directory.empty()) {
    std::error_code failed;
    std::filesystem::create_directories(directory, failed);
    if (failed) {
      refuse(directory.string(), failed.value());
    }
  }
  while (true) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
      refuse(file, errno);
    }
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      const int error = errno;
      ::close(fd);
      if (error == EWOULDBLOCK) {
        return std::nullopt;
      }
      refuse(file, error);
    }
    if (is_the_file(fd, file)) {
      return FileLock(file, fd);
    }
    ::close(fd);
  }
}

std::optional<pid_t> FileLock::holder(const std::string& path) {
  pid_t pid = 0;
  std::ifstream file(lock_file(path));
  return file >> pid && pid > 0 ? std::optional(pid) : std::nullopt;
}

bool FileLock::is_held_here(const std::string& path) {
  const std::lock_guard lock(held_here().mutex);
  return held_here().files.count(lock_file(path)) > 0;
}

FileLock::FileLock(std::string file, int fd) : file_(std::move(file)), fd_(fd) {
  {
    const std::lock_guard lock(held_here().mutex);
    held_here().files.insert(file_);
  }
  // For whoever finds it locked. On a full disk it stays empty, and locks all the same.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd_, 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(fd_, pid.data(), pid.size(), 0);
  }
}

FileLock::FileLock(FileLock&& other) noexcept : file_(std::move(other.file_)), fd_(std::exchange(other.fd_, -1)) {}

FileLock::~FileLock() {
  if (fd_ >= 0) {
    const std::lock_guard lock(held_here().mutex);
    held_here().files.erase(file_);
    ::unlink(file_.c_str());
    ::close(fd_);
  }
}

}  // namespace soak

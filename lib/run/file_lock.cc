// SPDX-License-Identifier: Apache-2.0
#include "lib/run/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
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

}  // namespace

std::optional<FileLock> FileLock::take(const std::string& path) {
  const std::string file = path + ".lock";
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

FileLock::FileLock(FileLock&& other) noexcept : file_(std::move(other.file_)), fd_(std::exchange(other.fd_, -1)) {}

FileLock::~FileLock() {
  if (fd_ >= 0) {
    ::unlink(file_.c_str());
    ::close(fd_);
  }
}

}  // namespace soak

// SPDX-License-Identifier: Apache-2.0
#include "soak/probe/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

#include "lib/probe/fd_scan.h"
#include "lib/probe/process_status.h"
#include "soak/error.h"

namespace soak::probe {
namespace {

constexpr std::string_view kSelf = "/proc/self/";

// The field with this index (from 0) in a line of fields separated by spaces.
std::optional<std::int64_t> number_field(std::string_view line, int index) noexcept {
  for (; index > 0; --index) {
    const auto space = line.find(' ');
    if (space == std::string_view::npos) {
      return std::nullopt;
    }
    line.remove_prefix(space + 1);
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  return error == std::errc{} ? std::optional<std::int64_t>(value) : std::nullopt;
}

// Reads a small procfs file whole into `buffer`, and closes it; what fits is enough for every file read here.
template <std::size_t N>
std::string_view read_all(int fd, std::array<char, N>& buffer) noexcept {
  if (fd < 0) {
    return {};
  }
  const ssize_t size = ::read(fd, buffer.data(), buffer.size());
  ::close(fd);
  return size > 0 ? std::string_view(buffer.data(), static_cast<std::size_t>(size)) : std::string_view{};
}

// A path below /proc/<id>, from the one below /proc/self: relative to the directory unless it is this process.
const char* path_in(int directory, const char* self_path) noexcept {
  return directory < 0 ? self_path : self_path + kSelf.size();
}

bool stat_in(int directory, const char* self_path, struct stat* status) noexcept {
  return ::fstatat(directory < 0 ? AT_FDCWD : directory, path_in(directory, self_path), status, 0) == 0;
}

}  // namespace

Process::Process(ProcessId id, Descriptors descriptors) {
  directory_ = ::open(fmt::format("/proc/{}", id.value).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory_ < 0) {
    throw Error(Errc::kSystem,
                fmt::format("process {}: {}", id.value, errno == ENOENT ? "no such process" : std::strerror(errno)));
  }
  std::string why;
  if (ended()) {
    why = "has ended";
  } else if (descriptors == Descriptors::kRequired && !descriptors_are_readable()) {
    why = errno == EACCES || errno == EPERM ? "its descriptors may not be read by this user" : std::strerror(errno);
  }
  if (!why.empty()) {
    ::close(directory_);
    throw Error(Errc::kSystem, fmt::format("process {}: {}", id.value, why));
  }
}

Process::~Process() {
  if (directory_ >= 0) {
    ::close(directory_);
  }
}

Process::Process(Process&& other) noexcept : directory_(std::exchange(other.directory_, -1)) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(directory_, other.directory_);
  return *this;
}

int Process::open_file(const char* self_path) const noexcept {
  return ::openat(directory_ < 0 ? AT_FDCWD : directory_, path_in(directory_, self_path), O_RDONLY | O_CLOEXEC);
}

bool Process::descriptors_are_readable() const noexcept {
  const int descriptors = open_file("/proc/self/fd");
  if (descriptors >= 0) {
    ::close(descriptors);
  }
  return descriptors >= 0;
}

bool Process::ended() const noexcept {
  if (is_self()) {
    return false;
  }
  const int fd = open_file("/proc/self/stat");
  if (fd < 0) {
    return errno == ENOENT || errno == ESRCH;  // Not when we have no descriptor left.
  }
  std::array<char, 1024> buffer;
  const std::string_view line = read_all(fd, buffer);
  // The second field is the program's name in parentheses, which may hold spaces and parentheses; then comes the state.
  const auto name_end = line.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 >= line.size()) {
    return true;  // It ended between open and read.
  }
  return line[name_end + 2] == 'Z' || line[name_end + 2] == 'X';
}

std::optional<std::int64_t> Process::rss_bytes() const noexcept {
  static const std::int64_t page_size = ::sysconf(_SC_PAGESIZE);
  std::array<char, 128> buffer;
  const auto pages = number_field(read_all(open_file("/proc/self/statm"), buffer), 1);
  return pages ? std::optional<std::int64_t>(*pages * page_size) : std::nullopt;
}

std::optional<Memory> Process::memory() const noexcept {
  std::array<char, 8192> buffer;  // The groups of a user come first, and may be many.
  return memory_of(read_all(open_file("/proc/self/status"), buffer));
}

std::optional<std::int64_t> Process::pss_bytes() const noexcept {
  std::array<char, 2048> buffer;
  return bytes_field(read_all(open_file("/proc/self/smaps_rollup"), buffer), "\nPss:");
}

std::optional<std::int64_t> Process::open_fds() const noexcept {
  struct stat status {};
  if (stat_in(directory_, "/proc/self/fd", &status) && status.st_size > 0) {
    return status.st_size;
  }
  return count_fds(open_file("/proc/self/fd"), is_self());
}

std::optional<FdKinds> Process::fd_kinds() const noexcept {
  if (is_self()) {
    struct stat status {};
    const bool counted = ::stat("/proc/self/fd", &status) == 0;
    FdKinds kinds;
    if (counted && scan_own_fds(status.st_size, kinds)) {
      return kinds;
    }
  }
  return list_fd_kinds(open_file("/proc/self/fd"), is_self());
}

std::optional<std::int64_t> Process::threads() const noexcept {
  // A directory has a link for itself, one in its parent, and one for each directory in it: here, for each thread.
  struct stat status {};
  return stat_in(directory_, "/proc/self/task", &status) && status.st_nlink > 2
             ? std::optional<std::int64_t>(static_cast<std::int64_t>(status.st_nlink) - 2)
             : std::nullopt;
}

std::optional<std::int64_t> read_rss_bytes() noexcept { return Process().rss_bytes(); }

std::optional<std::int64_t> read_open_fds() noexcept { return Process().open_fds(); }

std::optional<std::int64_t> read_open_sockets() noexcept {
  const auto kinds = Process().fd_kinds();
  return kinds ? std::optional<std::int64_t>(kinds->sockets) : std::nullopt;
}

std::optional<std::int64_t> read_threads() noexcept { return Process().threads(); }

}  // namespace soak::probe

// SPDX-License-Identifier: Apache-2.0
#include "soak/probe/process.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <string_view>

// Present when a sanitizer replaces the allocator (sanitizer/allocator_interface.h).
extern "C" __attribute__((weak)) std::size_t __sanitizer_get_current_allocated_bytes();

namespace soak::probe {
namespace {

// Reads a small procfs file whole into `buffer`; what fits is enough for every file read here.
template <std::size_t N>
std::string_view read_file(const char* path, std::array<char, N>& buffer) noexcept {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return {};
  }
  const ssize_t size = ::read(fd, buffer.data(), buffer.size());
  ::close(fd);
  return size > 0 ? std::string_view(buffer.data(), static_cast<std::size_t>(size)) : std::string_view{};
}

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

// As getdents64(2) fills it; glibc's readdir would allocate its buffer.
struct DirectoryEntry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t length;
  std::uint8_t type;
  char name[1];
};

struct FdCounts {
  std::int64_t all = 0;
  std::int64_t sockets = 0;
};

// Counts the open descriptors, without the one used for counting.
std::optional<FdCounts> list_fds(bool look_for_sockets) noexcept {
  const int directory = ::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) {
    return std::nullopt;
  }
  FdCounts counts;
  alignas(DirectoryEntry) std::array<char, 4096> buffer;
  while (true) {
    const long size = ::syscall(SYS_getdents64, directory, buffer.data(), buffer.size());
    if (size <= 0) {
      break;
    }
    for (long at = 0; at < size;) {
      const char* entry = buffer.data() + at;
      std::uint16_t length = 0;
      std::memcpy(&length, entry + offsetof(DirectoryEntry, length), sizeof(length));
      const char* name = entry + offsetof(DirectoryEntry, name);
      if (name[0] != '.') {
        ++counts.all;
        struct stat status {};
        if (look_for_sockets && ::fstatat(directory, name, &status, 0) == 0 && S_ISSOCK(status.st_mode)) {
          ++counts.sockets;
        }
      }
      at += length;
    }
  }
  ::close(directory);
  --counts.all;
  return counts;
}

bool allocator_is_sanitizer() noexcept { return &__sanitizer_get_current_allocated_bytes != nullptr; }

// The name of an allocator that replaces glibc's, or null.
const char* foreign_allocator() noexcept {
  static const char* const name = [] {
    if (::dlsym(RTLD_DEFAULT, "mallctl") != nullptr) {
      return "jemalloc";
    }
    if (::dlsym(RTLD_DEFAULT, "MallocExtension_GetNumericProperty") != nullptr) {
      return "tcmalloc";
    }
    return static_cast<const char*>(nullptr);
  }();
  return name;
}

}  // namespace

std::optional<std::int64_t> read_rss_bytes() noexcept {
  static const std::int64_t page_size = ::sysconf(_SC_PAGESIZE);
  std::array<char, 128> buffer;
  const auto pages = number_field(read_file("/proc/self/statm", buffer), 1);
  return pages ? std::optional<std::int64_t>(*pages * page_size) : std::nullopt;
}

std::optional<std::int64_t> read_open_fds() noexcept {
  struct stat status {};
  if (::stat("/proc/self/fd", &status) == 0 && status.st_size > 0) {
    return status.st_size;
  }
  const auto counts = list_fds(false);
  return counts ? std::optional<std::int64_t>(counts->all) : std::nullopt;
}

std::optional<std::int64_t> read_open_sockets() noexcept {
  const auto counts = list_fds(true);
  return counts ? std::optional<std::int64_t>(counts->sockets) : std::nullopt;
}

std::optional<std::int64_t> read_threads() noexcept {
  std::array<char, 1024> buffer;
  std::string_view line = read_file("/proc/self/stat", buffer);
  // The second field is the program's name in parentheses, which may hold spaces and parentheses.
  const auto name_end = line.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 > line.size()) {
    return std::nullopt;
  }
  return number_field(line.substr(name_end + 2), 17);  // num_threads, field 20 in proc(5).
}

std::optional<std::int64_t> read_heap_bytes() noexcept {
  if (allocator_is_sanitizer()) {
    return static_cast<std::int64_t>(__sanitizer_get_current_allocated_bytes());
  }
  if (foreign_allocator() != nullptr) {
    return std::nullopt;
  }
  const struct mallinfo2 info = ::mallinfo2();
  return static_cast<std::int64_t>(info.uordblks + info.hblkhd);
}

std::string heap_source() {
  if (allocator_is_sanitizer()) {
    return "sanitizer";
  }
  if (const char* name = foreign_allocator(); name != nullptr) {
    return std::string("not available: the allocator is ") + name + ", whose counters are not read yet";
  }
  return "mallinfo2";
}

bool rss_is_distorted() noexcept { return allocator_is_sanitizer(); }

}  // namespace soak::probe

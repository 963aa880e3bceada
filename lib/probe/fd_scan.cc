// SPDX-License-Identifier: Apache-2.0
#include "lib/probe/fd_scan.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace soak::probe {
namespace {

void add_by_mode(mode_t mode, FdKinds& kinds) noexcept {
  switch (mode & S_IFMT) {
    case S_IFSOCK:
      ++kinds.sockets;
      break;
    case S_IFIFO:
      ++kinds.pipes;
      break;
    case 0:  // Such a descriptor has no type at all.
      ++kinds.anon_inodes;
      break;
    default:
      ++kinds.files;
  }
}

void add_tcp(unsigned char state, FdKinds& kinds) noexcept {
  ++kinds.sockets;
  switch (state) {
    case TCP_ESTABLISHED:
      ++kinds.tcp_established;
      break;
    case TCP_CLOSE_WAIT:
      ++kinds.tcp_close_wait;
      break;
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
      ++kinds.tcp_fin_wait;
      break;
    case TCP_LISTEN:
      ++kinds.tcp_listening;
      break;
    default:
      ++kinds.tcp_other;
  }
}

// False when there is no such descriptor.
bool add_own(int fd, FdKinds& kinds) noexcept {
  unsigned char state = 0;  // The first byte of a tcp_info; the kernel cuts the rest off.
  socklen_t size = sizeof(state);
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &size) == 0) {
    add_tcp(state, kinds);
    return true;
  }
  // Not fstat(): to ThreadSanitizer that would be a race with whichever thread opened the descriptor.
  struct statx status {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &status) != 0) {
    return false;
  }
  add_by_mode(status.stx_mode, kinds);
  return true;
}

// As getdents64(2) fills it; glibc's readdir would allocate its buffer.
struct DirectoryEntry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t length;
  std::uint8_t type;
  char name[1];
};

// Calls `take` with the name of each descriptor in `directory`.
template <typename Take>
void each_name(int directory, Take take) noexcept {
  alignas(DirectoryEntry) std::array<char, 4096> buffer;
  while (true) {
    const long size = ::syscall(SYS_getdents64, directory, buffer.data(), buffer.size());
    if (size <= 0) {
      return;
    }
    for (long at = 0; at < size;) {
      const char* entry = buffer.data() + at;
      std::uint16_t length = 0;
      std::memcpy(&length, entry + offsetof(DirectoryEntry, length), sizeof(length));
      const char* name = entry + offsetof(DirectoryEntry, name);
      if (name[0] != '.') {
        take(name);
      }
      at += length;
    }
  }
}

int number_of(std::string_view name) noexcept {
  int number = -1;
  std::from_chars(name.data(), name.data() + name.size(), number);
  return number;
}

}  // namespace

bool scan_own_fds(std::int64_t count, FdKinds& kinds) noexcept {
  if (count <= 0) {
    return false;  // The kernel does not count them.
  }
  // To ask in vain takes a tenth of the time that one in a listing does.
  const std::int64_t most = 8 * count + 64;
  std::int64_t found = 0;
  for (std::int64_t fd = 0; fd < most && found < count; ++fd) {
    found += add_own(static_cast<int>(fd), kinds) ? 1 : 0;
  }
  return found == count;
}

std::optional<FdKinds> list_fd_kinds(int directory, bool own) noexcept {
  if (directory < 0) {
    return std::nullopt;
  }
  FdKinds kinds;
  each_name(directory, [&](const char* name) {
    struct stat status {};
    if (own) {
      const int fd = number_of(name);
      if (fd != directory) {
        add_own(fd, kinds);
      }
    } else if (::fstatat(directory, name, &status, 0) == 0) {
      add_by_mode(status.st_mode, kinds);
    }
  });
  ::close(directory);
  return kinds;
}

std::optional<std::int64_t> count_fds(int directory, bool own) noexcept {
  if (directory < 0) {
    return std::nullopt;
  }
  std::int64_t count = 0;
  each_name(directory, [&](const char*) { ++count; });
  ::close(directory);
  return own ? count - 1 : count;
}

}  // namespace soak::probe

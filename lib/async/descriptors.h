// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_ASYNC_DESCRIPTORS_H_
#define SOAK_LIB_ASYNC_DESCRIPTORS_H_

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

namespace soak::detail {

// The error with which one of so many further descriptors, at most 16, cannot be opened now; 0 if all can. For a
// library that aborts or crashes where it finds too few, or does not say that it does.
inline int descriptors_error(std::size_t count) noexcept {
  std::array<int, 16> opened{};
  std::size_t size = 0;
  int error = 0;
  for (count = std::min(count, opened.size()); size < count && error == 0;) {
    const int fd = ::eventfd(0, EFD_CLOEXEC);
    if (fd >= 0) {
      opened[size++] = fd;
    } else {
      error = errno;
    }
  }
  while (size > 0) {
    ::close(opened[--size]);
  }
  return error;
}

}  // namespace soak::detail

#endif  // SOAK_LIB_ASYNC_DESCRIPTORS_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_FD_H_
#define SOAK_LIB_NET_FD_H_

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace soak::net {

// Owns a descriptor, or none.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  ~Fd() { reset(); }
  Fd& operator=(Fd&& other) noexcept {
    if (this == &other) {
      return *this;
    }
    reset();
    fd_ = other.release();
    return *this;
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset() {
    if (fd_ >= 0) {
      ::close(release());
    }
  }

 private:
  int fd_ = -1;
};

// Has the end of a TCP connection be a reset (RST), also where all has been read and written.
inline void reset_on_close(const Fd& fd) {
  const linger at_once{1, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace soak::net

#endif  // SOAK_LIB_NET_FD_H_

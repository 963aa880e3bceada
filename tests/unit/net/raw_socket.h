// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_NET_RAW_SOCKET_H_
#define SOAK_TESTS_UNIT_NET_RAW_SOCKET_H_

// Peers that are not ours: blocking sockets, each on a thread of its test, which speak bytes.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace soak::net {

class RawConnection {
 public:
  explicit RawConnection(int fd) : fd_(fd) {}
  RawConnection(RawConnection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~RawConnection() { close(); }
  RawConnection& operator=(RawConnection&&) = delete;

  void write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        ADD_FAILURE() << "the peer takes no more, " << bytes.size() << " bytes are left";
        return;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // Up to and with `end`, or to the end of the connection.
  std::string read_to(std::string_view end) const {
    std::string text;
    char byte = 0;
    while (text.size() < end.size() || std::string_view(text).substr(text.size() - end.size()) != end) {
      if (recv(fd_, &byte, 1, 0) != 1) {
        break;
      }
      text.push_back(byte);
    }
    return text;
  }
  std::string read_all() const { return read_to("\xff\xff never \xff\xff"); }
  std::string read(std::size_t size) const {
    std::string bytes(size, '\0');
    // Of nothing it would wait for the next byte.
    if (bytes.empty()) {
      return bytes;
    }
    EXPECT_EQ(recv(fd_, bytes.data(), size, MSG_WAITALL), static_cast<ssize_t>(size));
    return bytes;
  }
  // What comes next, of at most 8 KiB; empty at the end.
  std::string read_some() const {
    std::string bytes(8192, '\0');
    bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(0, recv(fd_, bytes.data(), bytes.size(), 0))));
    return bytes;
  }
  // How it ended, once all is read: 0 for FIN, or an errno.
  int read_end() const {
    std::string bytes(4096, '\0');
    for (;;) {
      const ssize_t got = recv(fd_, bytes.data(), bytes.size(), 0);
      if (got <= 0) {
        return got == 0 ? 0 : errno;
      }
    }
  }
  void end_writing() const { shutdown(fd_, SHUT_WR); }
  void reset() {
    const linger at_once{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  // Passes on what either says until one of them ends.
  void join(const RawConnection& other) const {
    for (;;) {
      pollfd ends[2] = {{fd_, POLLIN, 0}, {other.fd_, POLLIN, 0}};
      poll(ends, 2, -1);
      for (int from = 0; from < 2; ++from) {
        if (ends[from].revents == 0) {
          continue;
        }
        std::string bytes(4096, '\0');
        const ssize_t got = recv(ends[from].fd, bytes.data(), bytes.size(), 0);
        if (got <= 0) {
          return;
        }
        (from == 0 ? other : *this).write(std::string_view(bytes).substr(0, static_cast<std::size_t>(got)));
      }
    }
  }
  void close() {
    if (fd_ >= 0) {
      ::close(std::exchange(fd_, -1));
    }
  }

 protected:
  int fd_;
};

class RawClient : public RawConnection {
 public:
  explicit RawClient(std::uint16_t port) : RawConnection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
};

class RawListener {
 public:
  // With a backlog of 0, it has room for one connection that is not accepted; others wait for the system to ask again.
  explicit RawListener(int backlog = 16) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(fd_, backlog), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~RawListener() { close(); }
  RawListener(const RawListener&) = delete;
  RawListener& operator=(const RawListener&) = delete;

  std::uint16_t port() const { return port_; }
  std::string authority() const { return "127.0.0.1:" + std::to_string(port_); }
  RawConnection accept() const { return RawConnection(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)); }
  void close() {
    if (fd_ >= 0) {
      ::close(std::exchange(fd_, -1));
    }
  }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

}  // namespace soak::net

#endif  // SOAK_TESTS_UNIT_NET_RAW_SOCKET_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CONFTEST_HTTP_GET_H_
#define SOAK_CONFTEST_HTTP_GET_H_

// One HTTP request on a loopback socket, the way any scraper makes it.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>

namespace soak::conftest {

// A connected socket, or minus errno. Gives up on a peer that says nothing for 20 s.
inline int connect_to(const char* address, std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{20, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  ::inet_pton(AF_INET, address, &to.sin_addr);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    const int error = errno;
    ::close(fd);
    return -error;
  }
  return fd;
}

// The whole response, head and body, once the server has closed; empty when nobody answers.
inline std::string http_get(std::uint16_t port, const std::string& path) {
  const int fd = connect_to("127.0.0.1", port);
  if (fd < 0) {
    return {};
  }
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  std::string response;
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
    std::array<char, 4096> buffer;
    for (ssize_t size; (size = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0;) {
      response.append(buffer.data(), static_cast<std::size_t>(size));
    }
  }
  ::close(fd);
  return response;
}

}  // namespace soak::conftest

#endif  // SOAK_CONFTEST_HTTP_GET_H_

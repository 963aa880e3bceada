// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_FUZZ_RAW_SOCKET_H_
#define SOAK_TESTS_FUZZ_RAW_SOCKET_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/net/fd.h"
#include "require.h"
#include "soak/supervise.h"
#include "soak/task.h"

namespace soak::fuzz {

// A client that sends bytes, and lets the server, on the same loop, read them.
class RawSocket {
 public:
  explicit RawSocket(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int failed = 0;
    do {  // libFuzzer's timer interrupts it now and then.
      failed = connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    } while (failed != 0 && errno == EINTR);
    require(failed == 0 || errno == EISCONN, "it connects");
    net::reset_on_close(fd_);  // As many connections a second leave no port free otherwise.
  }

  // False when the server takes no more.
  bool write(std::string_view bytes) const {
    return send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
           static_cast<ssize_t>(bytes.size());
  }
  void end_writing() const { shutdown(fd_.get(), SHUT_WR); }

  // Until more of what the server says is in input(), or it has ended.
  Task<> read_more() {
    for (int turns = 0; turns < 5'000; ++turns) {
      char buffer[4096];
      const ssize_t got = recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
      ended_ = got == 0;
      if (got > 0) {
        input_.append(buffer, static_cast<std::size_t>(got));
      }
      if (got >= 0) {
        co_return;
      }
      co_await sleep_for(std::chrono::milliseconds(turns < 100 ? 0 : 1));
    }
    require(false, "the server answers, or ends the connection");
  }
  std::string& input() { return input_; }
  bool ended() const { return ended_; }

 private:
  net::Fd fd_;
  std::string input_;
  bool ended_ = false;
};

}  // namespace soak::fuzz

#endif  // SOAK_TESTS_FUZZ_RAW_SOCKET_H_

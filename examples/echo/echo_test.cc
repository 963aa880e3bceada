// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <soak/soak_test.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

#include "echo_server.h"

namespace {

using namespace std::chrono_literals;

// Sends `text` on a connection of its own, and returns as much of it as comes back.
std::string echo(std::uint16_t port, std::string_view text) {
  std::string answer;
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
      ::send(socket, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size())) {
    char buffer[256];
    while (answer.size() < text.size()) {
      const ssize_t received = ::recv(socket, buffer, sizeof(buffer), 0);
      if (received <= 0) {
        break;
      }
      answer.append(buffer, static_cast<std::size_t>(received));
    }
  }
  ::close(socket);
  return answer;
}

TEST(EchoServer, SendsBackWhatItReceives) {
  EchoServer server;

  EXPECT_EQ(echo(server.port(), "hello"), "hello");
}

// No coroutine and no event loop: threads and blocking sockets, in the process that is measured.
SOAK_TEST(EchoServer, KeepsNothingOfAConnection) {
  EchoServer server({.close_sockets = std::getenv("ECHO_LEAK") == nullptr});
  soak::Run run;
  for (auto cycle : run) {
    ASSERT_EQ(echo(server.port(), "hello"), "hello");
    run.count("connections");
    server.wait_until_idle();
    std::this_thread::sleep_for(10ms);
    cycle.quiescent();  // No connection is open now: what the process still holds is left over.
  }
  EXPECT_SOAK(run);
}

}  // namespace

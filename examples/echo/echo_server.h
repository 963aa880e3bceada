// SPDX-License-Identifier: Apache-2.0
#ifndef EXAMPLES_ECHO_ECHO_SERVER_H_
#define EXAMPLES_ECHO_ECHO_SERVER_H_

// A TCP server that sends back what it receives, with one thread per connection.

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

struct EchoServerOptions {
  bool close_sockets = true;  // False is the bug that the soak test finds.
};

class EchoServer {
 public:
  // Listens on a free port of 127.0.0.1. Throws std::system_error.
  explicit EchoServer(EchoServerOptions options = {});
  // Ends all connections, and waits for their threads.
  ~EchoServer();
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  std::uint16_t port() const { return port_; }

  // Waits until no connection is served and the thread of each has ended.
  void wait_until_idle();

 private:
  struct Connection {
    int socket = -1;
    bool ended = false;
    std::thread thread;
  };

  void accept_connections();
  void serve(Connection& connection);
  void join_ended(std::unique_lock<std::mutex>& lock);

  EchoServerOptions options_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Connection> connections_;
  std::thread acceptor_;
};

#endif  // EXAMPLES_ECHO_ECHO_SERVER_H_

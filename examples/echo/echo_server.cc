// SPDX-License-Identifier: Apache-2.0
#include "echo_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

bool send_all(int socket, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(socket, data, size, MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace

EchoServer::EchoServer(EchoServerOptions options) : options_(options) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener_ < 0) {
    fail("socket");
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    ::close(listener_);
    fail("listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_connections(); });
}

EchoServer::~EchoServer() {
  ::shutdown(listener_, SHUT_RDWR);  // Wakes accept().
  acceptor_.join();
  ::close(listener_);
  std::unique_lock lock(mutex_);
  for (const Connection& connection : connections_) {
    if (!connection.ended) {
      ::shutdown(connection.socket, SHUT_RDWR);
    }
  }
  changed_.wait(lock, [this] {
    return std::all_of(connections_.begin(), connections_.end(), [](const Connection& each) { return each.ended; });
  });
  join_ended(lock);
}

void EchoServer::wait_until_idle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    return std::all_of(connections_.begin(), connections_.end(), [](const Connection& each) { return each.ended; });
  });
  join_ended(lock);
}

void EchoServer::accept_connections() {
  while (true) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) {
      if (errno == EINTR || errno == ECONNABORTED) {
        continue;
      }
      return;
    }
    std::unique_lock lock(mutex_);
    join_ended(lock);
    Connection& connection = connections_.emplace_back();
    connection.socket = socket;
    connection.thread = std::thread([this, &connection] { serve(connection); });
  }
}

void EchoServer::serve(Connection& connection) {
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t received = ::recv(connection.socket, buffer.data(), buffer.size(), 0);
    if (received <= 0 || !send_all(connection.socket, buffer.data(), static_cast<std::size_t>(received))) {
      break;
    }
  }
  const std::lock_guard lock(mutex_);
  if (options_.close_sockets) {
    ::close(connection.socket);
  }
  connection.ended = true;
  changed_.notify_all();
}

void EchoServer::join_ended(std::unique_lock<std::mutex>& lock) {
  std::list<Connection> ended;
  for (auto connection = connections_.begin(); connection != connections_.end();) {
    const auto next = std::next(connection);
    if (connection->ended) {
      ended.splice(ended.end(), connections_, connection);
    }
    connection = next;
  }
  lock.unlock();
  for (Connection& connection : ended) {
    connection.thread.join();
  }
  lock.lock();
}

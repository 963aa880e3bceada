// SPDX-License-Identifier: Apache-2.0
#include "lib/net_server/tcp_listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "soak/error.h"

namespace soak::net {
namespace {

std::string address_text(const sockaddr* address, socklen_t size) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> service{};
  if (getnameinfo(address, size, host.data(), host.size(), service.data(), service.size(),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "unknown";
  }
  const std::string name = host.data();
  return (name.find(':') == std::string::npos ? name : "[" + name + "]") + ":" + service.data();
}

}  // namespace

TcpListener::TcpListener(UvLoop& loop, const std::string& host, std::uint16_t port,
                         std::function<void()> on_connection) {
  const auto fail = [&](const std::string& why) {
    const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
    throw Error(Errc::kConnectFailed, shown + ":" + std::to_string(port) + ": cannot listen: " + why);
  };
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string service = std::to_string(port);
  if (const int error = getaddrinfo(host.c_str(), service.c_str(), &hints, &found); error != 0) {
    fail(gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> address(found, &freeaddrinfo);

  fd_ = Fd(socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd_.get() < 0) {
    fail(std::strerror(errno));
  }
  const int on = 1;
  setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd_.get(), address->ai_addr, address->ai_addrlen) != 0 || ::listen(fd_.get(), SOMAXCONN) != 0) {
    fail(std::strerror(errno));
  }

  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  port_ = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port
                                            : reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
  poll_.emplace(loop.handle(), fd_.get(), std::move(on_connection));
  poll_->watch(UV_READABLE);
}

std::optional<TcpListener::Accepted> TcpListener::accept() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  Accepted accepted;
  accepted.fd = Fd(accept4(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (accepted.fd.get() < 0) {
    return std::nullopt;
  }
  const int on = 1;
  setsockopt(accepted.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  accepted.peer = address_text(reinterpret_cast<const sockaddr*>(&address), size);
  return accepted;
}

}  // namespace soak::net

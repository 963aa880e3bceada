// SPDX-License-Identifier: Apache-2.0
#include "lib/net/tcp_listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <utility>

#include "lib/text/format.h"
#include "soak/error.h"
#include "soak/log.h"

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

// Nothing tells when some descriptor of the process is closed.
constexpr std::chrono::milliseconds kRetryAccept{50};

}  // namespace

TcpListener::TcpListener(UvLoop& loop, const std::string& host, std::uint16_t port, std::function<void()> on_connection)
    : loop_(loop) {
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  const auto fail = [&](const std::string& why) {
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
  name_ = shown + ":" + std::to_string(port_);
  poll_.emplace(loop.handle(), fd_.get(), std::move(on_connection));
  watch();
}

TcpListener::~TcpListener() { loop_.core().timers.disarm(*this); }

std::optional<TcpListener::Accepted> TcpListener::accept() {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  Accepted accepted;
  do {
    size = sizeof address;
    accepted.fd = Fd(accept4(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  } while (accepted.fd.get() < 0 && (errno == EINTR || errno == ECONNABORTED));
  if (accepted.fd.get() < 0) {
    const int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK) {
      reported_ = false;
    } else {
      pause(error);
    }
    return std::nullopt;
  }
  const int on = 1;
  setsockopt(accepted.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  accepted.peer = address_text(reinterpret_cast<const sockaddr*>(&address), size);
  return accepted;
}

// Most often there is no descriptor left. Whatever it is, trying again at once would keep the loop busy.
void TcpListener::pause(int error) {
  soak::detail::LoopCore& core = loop_.core();
  core.timers.disarm(*this);
  core.timers.arm(*this, soak::detail::later(core.now(), kRetryAccept));
  watch();
  if (std::exchange(reported_, true) || !log_wanted(LogLevel::kError)) {
    return;
  }
  const std::string message = name_ + " cannot accept connections: " + text::format_errno(error) +
                              ". They wait, and it tries again until it can.";
  log({.level = LogLevel::kError, .at = core.now(), .source = "listener", .label = {}, .message = message});
}

void TcpListener::set_accepting(bool on) {
  accepting_ = on;
  watch();
}

void TcpListener::watch() { poll_->watch_or_pause(accepting_ && !armed() ? UV_READABLE : 0); }

void TcpListener::expire() noexcept { watch(); }

}  // namespace soak::net

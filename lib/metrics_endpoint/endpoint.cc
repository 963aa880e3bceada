// SPDX-License-Identifier: Apache-2.0
#include "soak/metrics/endpoint.h"

// A thread of its own, with its own poll(2): the metrics are served while the loops of the program are busy or stuck,
// and a program without any loop has them too.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <list>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "lib/metrics_endpoint/scrape.h"
#include "lib/text/ascii.h"
#include "soak/error.h"
#include "soak/metrics/metrics.h"

namespace soak::metrics {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kPatience = 5s;       // With a client that sends no request, or does not read the response.
constexpr auto kLinger = 1s;         // For a client to close its end after the response.
constexpr auto kRetryAccept = 50ms;  // Nothing tells when a descriptor of the process is closed.
constexpr std::size_t kConnectionsMax = 64;

// Of all endpoints.
struct OpenConnections {
  std::mutex mutex;
  std::condition_variable none;
  std::size_t count = 0;
};

// Never destroyed: it outlives every endpoint.
OpenConnections& open_ones() {
  static OpenConnections& open = *new OpenConnections;
  return open;
}

// One of them.
class OpenConnection {
 public:
  OpenConnection() {
    const std::lock_guard lock(open_ones().mutex);
    ++open_ones().count;
  }
  ~OpenConnection() {
    const std::lock_guard lock(open_ones().mutex);
    if (--open_ones().count == 0) {
      open_ones().none.notify_all();
    }
  }
  OpenConnection(const OpenConnection&) = delete;
  OpenConnection& operator=(const OpenConnection&) = delete;
};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }

 private:
  const int fd_;
};

struct Address {
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
  socklen_t size;
  std::string text;  // As a URL has it.

  void set_port(std::uint16_t port) { (any.sa_family == AF_INET ? v4.sin_port : v6.sin6_port) = htons(port); }
};

Address parse(const std::string& text) {
  Address address{};
  address.v6 = {};
  if (::inet_pton(AF_INET, text.c_str(), &address.v4.sin_addr) == 1) {
    address.v4.sin_family = AF_INET;
    address.size = sizeof(address.v4);
    address.text = text;
  } else if (::inet_pton(AF_INET6, text.c_str(), &address.v6.sin6_addr) == 1) {
    address.v6.sin6_family = AF_INET6;
    address.size = sizeof(address.v6);
    address.text = "[" + text + "]";
  } else {
    throw Error(
        Errc::kInvalidArgument,
        fmt::format("metrics endpoint: address '{}': expected an IPv4 or IPv6 address such as 127.0.0.1 or ::1", text));
  }
  return address;
}

// A thread that is made while it lives takes no signals: those are for the program's own.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

std::string message_of(int error) { return std::generic_category().message(error); }

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? text::to_lower(name.data()) : std::string();
}

// "127.0.0.1", "[::1]": the address of this end.
std::string own_address(int fd) {
  Address address{};
  address.v6 = {};
  address.size = sizeof(address.v6);
  ::getsockname(fd, &address.any, &address.size);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.any.sa_family == AF_INET) {
    ::inet_ntop(AF_INET, &address.v4.sin_addr, text.data(), text.size());
    return text.data();
  }
  ::inet_ntop(AF_INET6, &address.v6.sin6_addr, text.data(), text.size());
  return fmt::format("[{}]", text.data());
}

// A client, from its accept(2) until both ends have closed.
class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_.get(); }
  Clock::time_point deadline() const { return deadline_; }
  short events() const { return static_cast<short>(unsent_.empty() ? POLLIN : POLLOUT); }
  bool over() const { return over_; }

  void on_event(const KnowsHost& knows) {
    if (unsent_.empty()) {
      read(knows);
    }
    if (!unsent_.empty()) {
      write();
    }
  }

 private:
  void read(const KnowsHost& knows) {
    std::array<char, 4096> buffer;
    const ssize_t got = ::recv(fd(), buffer.data(), buffer.size(), 0);
    if (got <= 0) {
      over_ = got == 0 || (errno != EAGAIN && errno != EINTR);
      return;
    }
    if (answered_) {
      return;  // There is one request in a connection.
    }
    head_.append(buffer.data(), static_cast<std::size_t>(got));
    const std::size_t end = end_of_head(head_);
    if (std::min(end, head_.size()) > kHeadBytesMax) {
      unsent_ = respond_too_long();
    } else if (end != std::string::npos) {
      unsent_ = respond(std::string_view(head_).substr(0, end), knows, exposition);
    }
    answered_ = !unsent_.empty();
  }

  void write() {
    const ssize_t sent = ::send(fd(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      over_ = errno != EAGAIN && errno != EINTR;
      return;
    }
    unsent_.erase(0, static_cast<std::size_t>(sent));
    deadline_ = Clock::now() + kPatience;
    if (unsent_.empty()) {
      // Closed with something unread, it would be reset, and the response could be lost.
      ::shutdown(fd(), SHUT_WR);
      deadline_ = Clock::now() + kLinger;
    }
  }

  const OpenConnection counted_;  // First, so that it is counted until its descriptor is closed.
  const Descriptor fd_;
  Clock::time_point deadline_ = Clock::now() + kPatience;
  std::string head_;
  std::string unsent_;  // Of the response.
  bool answered_ = false;
  bool over_ = false;
};

}  // namespace

struct Endpoint::State {
  explicit State(const EndpointOptions& options)
      : address(parse(options.address)),
        names(options.names),
        listener(::socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
        stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    address.set_port(options.port);
    const int on = 1;
    if (listener.get() < 0 || stop.get() < 0 ||
        ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        ::bind(listener.get(), &address.any, address.size) != 0 || ::listen(listener.get(), SOMAXCONN) != 0) {
      throw Error(Errc::kSystem, fmt::format("metrics endpoint: cannot listen on {}:{}: {}", address.text, options.port,
                                             message_of(errno)));
    }
    ::getsockname(listener.get(), &address.any, &address.size);
    port = ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    url = fmt::format("http://{}:{}/metrics", address.text, port);
    names.push_back(host_name());
    for (std::string& name : names) {
      name = text::to_lower(name);
    }
    try {
      const SignalsBlocked blocked;
      thread = std::thread([this] { serve(); });
    } catch (const std::system_error& error) {
      throw Error(Errc::kSystem, fmt::format("metrics endpoint: cannot start its thread: {}", error.code().message()));
    }
  }
  ~State() {
    const std::uint64_t one = 1;
    (void)!::write(stop.get(), &one, sizeof(one));
    thread.join();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // All below is the thread's.

  void serve() {
    std::vector<pollfd> polled;
    while (true) {
      polled.assign({{stop.get(), POLLIN, 0}, {paused_until ? -1 : listener.get(), POLLIN, 0}});
      for (const Connection& connection : connections) {
        polled.push_back({connection.fd(), connection.events(), 0});
      }
      const int seen = ::poll(polled.data(), polled.size(), patience());
      if (seen > 0 && polled[0].revents != 0) {
        return;
      }
      std::size_t place = 2;
      for (Connection& connection : connections) {
        if (seen > 0 && polled[place].revents != 0) {
          connection.on_event([&](std::string_view host) { return knows(host, connection); });
        }
        ++place;
      }
      const Clock::time_point now = Clock::now();
      connections.remove_if([now](const Connection& one) { return one.over() || one.deadline() <= now; });
      if (paused_until && *paused_until <= now) {
        paused_until.reset();
      }
      if (seen > 0 && polled[1].revents != 0) {
        accept();
      }
    }
  }

  // In milliseconds, until something is due.
  int patience() const {
    Clock::time_point next = Clock::time_point::max();
    for (const Connection& connection : connections) {
      next = std::min(next, connection.deadline());
    }
    next = std::min(next, paused_until.value_or(Clock::time_point::max()));
    if (next == Clock::time_point::max()) {
      return -1;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    return static_cast<int>(std::max(left, std::chrono::milliseconds{0}).count());
  }

  void accept() {
    while (true) {
      const int fd = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd >= 0) {
        connections.emplace_back(fd);
        if (connections.size() > kConnectionsMax) {
          connections.pop_front();  // The one that has had the longest time.
        }
        continue;
      }
      if (errno == EAGAIN) {
        reported = false;
      } else if (errno != EINTR && errno != ECONNABORTED) {
        pause(errno);
      }
      return;
    }
  }

  // Most often for want of a descriptor: asked again at once, poll() would say the same.
  void pause(int error) {
    paused_until = Clock::now() + kRetryAccept;
    if (!std::exchange(reported, true)) {
      // Where standard error cannot be written, fmt::print() would throw, and end the process.
      std::fputs(fmt::format("soak: metrics endpoint {}:{} cannot accept connections: {}; they wait\n", address.text,
                             port, message_of(error))
                     .c_str(),
                 stderr);
    }
  }

  bool knows(std::string_view host, const Connection& connection) const {
    return is_loopback_host(host) || std::find(names.begin(), names.end(), host) != names.end() ||
           host == own_address(connection.fd());
  }

  Address address;
  std::vector<std::string> names;
  const Descriptor listener;
  const Descriptor stop;  // Readable: the thread shall end.
  std::uint16_t port = 0;
  std::string url;
  std::list<Connection> connections;
  std::optional<Clock::time_point> paused_until;  // Without accepting.
  bool reported = false;                          // Why it pauses; until nobody waits any more.
  std::thread thread;
};

Endpoint::Endpoint(EndpointOptions options) : state_(std::make_unique<State>(options)) {}

Endpoint::~Endpoint() = default;

std::uint16_t Endpoint::port() const noexcept { return state_->port; }

const std::string& Endpoint::url() const noexcept { return state_->url; }

std::size_t Endpoint::open_connections() noexcept {
  const std::lock_guard lock(open_ones().mutex);
  return open_ones().count;
}

bool Endpoint::wait_until_closed(std::chrono::nanoseconds timeout) {
  std::unique_lock lock(open_ones().mutex);
  return open_ones().none.wait_for(lock, timeout, [] { return open_ones().count == 0; });
}

}  // namespace soak::metrics

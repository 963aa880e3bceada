// SPDX-License-Identifier: Apache-2.0
#include "soak/metrics/endpoint.h"

#include <CivetServer.h>
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "soak/error.h"
#include "soak/metrics/collectable.h"

namespace soak::metrics {
namespace {

// civetweb's callbacks are given nothing that leads to an Endpoint.
std::atomic<std::size_t> g_open_connections{0};

int connection_opened(const mg_connection*, void**) {
  g_open_connections.fetch_add(1);
  return 0;
}

void connection_closed(const mg_connection*) { g_open_connections.fetch_sub(1); }

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

int open_socket(const Address& address) { return ::socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0); }

// Why nobody can listen there, which civetweb keeps to itself. 0 when somebody can.
int why_not(const Address& address) {
  const int fd = open_socket(address);
  if (fd < 0) {
    return errno;
  }
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const bool listens = ::bind(fd, &address.any, address.size) == 0 && ::listen(fd, 1) == 0;
  const int error = listens ? 0 : errno;
  ::close(fd);
  return error;
}

// The threads that are made while it lives take no signals: those are for the program's own.
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

}  // namespace

struct Endpoint::State {
  Address address;
  std::uint16_t port = 0;
  std::string url;
  std::optional<prometheus::Exposer> exposer;
};

Endpoint::Endpoint(EndpointOptions options) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.address = parse(options.address);
  state.address.set_port(options.port);
  const std::string where = fmt::format("{}:{}", state.address.text, options.port);
  CivetCallbacks callbacks;
  callbacks.init_connection = connection_opened;
  callbacks.connection_closed = connection_closed;
  // Who connects and says nothing is let go after 5 s.
  const std::vector<std::string> server_options = {"listening_ports",    where,  //
                                                   "num_threads",        "2",    //
                                                   "request_timeout_ms", "5000"};
  try {
    const SignalsBlocked blocked;
    state.exposer.emplace(server_options, &callbacks);
  } catch (const CivetException& refusal) {
    const std::string failure = "metrics endpoint: cannot listen on " + where;
    if (const int error = why_not(state.address); error != 0) {
      throw Error(Errc::kSystem, fmt::format("{}: {}", failure, std::generic_category().message(error)));
    }
    throw Error(Errc::kSystem, fmt::format("{}: {}", failure, refusal.what()));
  }
  state.port = static_cast<std::uint16_t>(state.exposer->GetListeningPorts().front());
  state.address.set_port(state.port);
  state.url = fmt::format("http://{}:{}/metrics", state.address.text, state.port);
  state.exposer->RegisterCollectable(collectable());
}

// civetweb looks whether it shall end every 2 s, and when somebody connects: so somebody does.
Endpoint::~Endpoint() {
  std::atomic<bool> ended = false;
  std::thread caller;
  {
    const SignalsBlocked blocked;
    caller = std::thread([&ended, &address = state_->address] {
      while (!ended) {
        if (const int fd = open_socket(address); fd >= 0) {
          ::connect(fd, &address.any, address.size);
          ::close(fd);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
      }
    });
  }
  state_->exposer.reset();
  ended = true;
  caller.join();
}

std::uint16_t Endpoint::port() const noexcept { return state_->port; }

const std::string& Endpoint::url() const noexcept { return state_->url; }

std::size_t Endpoint::open_connections() noexcept { return g_open_connections.load(); }

}  // namespace soak::metrics

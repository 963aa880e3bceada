// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/acceptor.h"

#include <chrono>
#include <string_view>
#include <utility>

#include "soak/error.h"

namespace soak::peers {
namespace {

net::ServerOptions with_faults(net::ServerOptions options, fault::Script* faults) {
  if (faults == nullptr) {
    return options;
  }
  options.on_handshake = [faults, decide = std::move(options.on_handshake)](const net::HandshakeRequest& request) {
    return faults->answer(request, decide(request));
  };
  return options;
}

}  // namespace

Acceptor::Acceptor(EventLoop& loop, net::ServerOptions options, Label name, Serve serve, fault::Script* faults)
    : loop_(loop),
      server_(loop, with_faults(std::move(options), faults)),
      name_(name),
      serve_(std::move(serve)),
      faults_(faults),
      tasks_(loop) {
  tasks_.start("accept", accept());
}

Acceptor::~Acceptor() {
  server_.stop();
  tasks_.end_in_place();
}

std::string Acceptor::http_url() const {
  constexpr std::string_view kScheme = "ws";
  return "http" + server_.url().substr(kScheme.size());
}

Task<> Acceptor::accept() {
  try {
    for (std::uint64_t number = 1;; ++number) {
      net::AcceptedWebSocket accepted = co_await server_.accept();
      if (faults_ != nullptr) {
        accepted.socket = faults_->wrap(loop_, accepted.request, std::move(accepted.socket));
      }
      tasks_.start({name_, number}, serve_(std::move(accepted)));
    }
  } catch (const Error&) {  // The server is stopped, or close() has begun.
  }
}

Task<> Acceptor::close() {
  server_.stop();
  DrainOptions options;
  options.cancel_first = true;
  options.grace = net::ServerOptions().close_timeout + std::chrono::seconds{1};
  Task<DrainResult> draining = drain(tasks_, options);
  co_await std::move(draining);
}

Task<> serve_until_end(net::WebSocket& socket, TaskGroup& tasks, Task<> conversation) {
  bool cancelled = false;
  try {
    co_await std::move(conversation);
  } catch (const net::ConnectionClosed&) {
  } catch (const Cancelled&) {
    cancelled = true;
  }
  tasks.end_in_place();
  if (cancelled) {
    co_await socket.close(net::kCloseGoingAway, "The server is shutting down.");
  }
}

}  // namespace soak::peers

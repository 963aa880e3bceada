// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_CHANNEL_SERVER_H_
#define SOAK_LIB_PEERS_CHANNEL_SERVER_H_

// The HTTP server around a channel's service, which the three fakes have in common.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <string>
#include <utility>

#include "lib/peers/channel_control.h"
#include "lib/peers/channel_service.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/http_server.h"
#include "soak/task.h"

namespace soak::peers {

// `options` as the peers have them; throws Error(kInvalidArgument) for what makes no sense in any of them.
template <typename Options>
Options checked_channel_options(Options options, const char* subject) {
  const auto require = [&](bool met, const char* what) {
    if (!met) {
      throw Error(Errc::kInvalidArgument, std::string(subject) + ": " + what);
    }
  };
  require(options.ledger.key_of != nullptr, "ledger.key_of is null");
  require(options.ledger.keys_kept > 0, "ledger.keys_kept is 0, at least 1 is needed");
  require(options.ledger.conversations_max > 0, "ledger.conversations_max is 0, at least 1 is needed");
  require(options.ledger.in_flight >= std::chrono::nanoseconds::zero(), "ledger.in_flight is negative");
  require(options.ledger.unsaid_wait >= std::chrono::nanoseconds::zero(), "ledger.unsaid_wait is negative");
  return options;
}

template <typename Service, typename Options>
class ChannelServer {
 public:
  ChannelServer(EventLoop& loop, Options options, const char* subject)
      : service(loop, checked_channel_options(options, subject), seed_of(loop, options)),
        server_(
            loop, [this](net::HttpServerRequest request) { return serve(std::move(request)); },
            server_options(options)) {}

  std::string origin() const { return server_.url(); }
  std::uint16_t port() const { return server_.port(); }
  std::string control_url() const { return origin() + std::string(kControlPath); }
  Task<> close() {
    co_await server_.close();
    if constexpr (requires { service.deliveries(); }) {
      Task<> closing = service.deliveries().close();
      co_await std::move(closing);
    }
  }

  Service service;

 private:
  static std::uint64_t seed_of(EventLoop& loop, const Options& options) {
    return options.seed ? *options.seed : static_cast<std::uint64_t>(loop.random()());
  }

  net::HttpServerOptions server_options(const Options& options) {
    net::HttpServerOptions server;
    server.host = options.host;
    server.port = options.port;
    server.tls = options.tls;
    server.on_head = [this](const net::HttpServerRequest& head) {
      return !Service::is_send(head) || service.admits_head();
    };
    return server;
  }

  Task<net::HttpReply> serve(net::HttpServerRequest request) {
    if (request.path.starts_with("/_soak/")) {
      net::HttpResponse response = answer_control(
          control_parser_, request, [this](const IncomingMessage& message) { return service.post(message); });
      co_return net::HttpReply(std::move(response));
    }
    ChannelAnswer answer;
    if constexpr (std::same_as<decltype(service.answer(std::move(request))), ChannelAnswer>) {
      answer = service.answer(std::move(request));
    } else {
      answer = co_await service.answer(std::move(request));
    }
    if (answer.after > std::chrono::nanoseconds::zero()) {
      co_await sleep_for(answer.after);
    }
    if (answer.reset) {
      co_return net::HttpReply::reset();
    }
    co_return net::HttpReply(std::move(answer.response));
  }

  JsonParser control_parser_;
  net::HttpServer server_;  // The last: its requests end before the service that answers them.
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_CHANNEL_SERVER_H_

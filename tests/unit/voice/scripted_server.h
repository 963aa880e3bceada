// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_VOICE_SCRIPTED_SERVER_H_
#define SOAK_TESTS_UNIT_VOICE_SCRIPTED_SERVER_H_

// A voice client against a server that says exactly what a test lets it say: not the fake, which has its own idea of
// the protocol.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"

namespace soak::voice {

using namespace std::chrono_literals;

// One connection, as the server sees it.
class Connection {
 public:
  Connection(EventLoop& loop, net::AcceptedWebSocket accepted)
      : opened(loop.now()), request(accepted.request), socket_(std::move(accepted.socket)) {}

  Task<> send_text(std::string text) { return socket_->send_text(std::move(text)); }
  Task<> send_binary(std::string data) { return socket_->send_binary(std::move(data)); }
  Task<> close(std::uint16_t code, std::string reason) { return socket_->close(code, std::move(reason)); }

  // The next message of the client, which is kept as well.
  Task<std::string> hear() {
    net::Message message = co_await socket_->receive();
    received.push_back(message.data);
    co_return message.data;
  }

  // Drops the connection: the client sees 1006.
  void drop() { socket_.reset(); }
  bool is_dropped() const { return socket_ == nullptr; }

  Instant opened;
  net::HandshakeRequest request;
  std::vector<std::string> received;
  std::optional<net::CloseStatus> closed;

 private:
  std::unique_ptr<net::WebSocket> socket_;
};

using Script = std::function<Task<>(Connection&)>;

template <typename Client, typename Options>
class ScriptedServerTest : public testing::Test {
 protected:
  // `path` is that of the provider's endpoint.
  ScriptedServerTest(std::string path, std::string key) : path_(std::move(path)) {
    options_.api_key = std::move(key);
    options_.setup_timeout = 5s;
  }

  // Runs `use` on a client whose server plays one of `scripts` on each connection, and the last one on all that follow.
  void run(std::vector<Script> scripts, const std::function<Task<>(Client&)>& use) {
    scripts_ = std::move(scripts);
    loop_.run(meet(use));
  }

  // What connect() throws.
  Error connect_error(Script script) {
    Error caught(Errc::kSystem, "connect() threw nothing");
    run({std::move(script)}, [&caught](Client& client) -> Task<> {
      try {
        co_await client.connect();
      } catch (const Error& error) {
        caught = error;
      }
    });
    return caught;
  }

  // Sends `frame` every 40 ms; returns what was thrown, if anything was.
  static Task<std::optional<Error>> stream(Client& client, std::span<const std::byte> frame, int frames) {
    std::optional<Error> thrown;
    for (int i = 0; i < frames && !thrown; ++i) {
      co_await sleep_for(40ms);
      try {
        co_await client.send_audio(frame);
      } catch (const Error& error) {
        thrown = error;
      }
    }
    co_return thrown;
  }

  std::chrono::nanoseconds between(std::size_t first, std::size_t second) const {
    return connections_[second]->opened - connections_[first]->opened;
  }

  VirtualLoop loop_;
  Options options_;
  std::string path_;
  std::optional<net::HandshakeReply> refusal_;  // Of each handshake.
  std::vector<net::HandshakeReply> refusals_;   // Of the next ones.
  int handshakes_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;

 private:
  Task<> meet(const std::function<Task<>(Client&)>& use) {
    net::ServerOptions server_options;
    server_options.on_handshake = [this](const net::HandshakeRequest& request) {
      ++handshakes_;
      if (refusals_.empty()) {
        return refusal_ ? *refusal_ : net::accept_any(request);
      }
      net::HandshakeReply reply = refusals_.front();
      refusals_.erase(refusals_.begin());
      return reply;
    };
    net::WebSocketServer server(loop_, server_options);
    options_.url = server.url() + path_;
    TaskGroup group(loop_);
    group.start("server", accept(server, group));
    {
      Client client(loop_, options_);
      Task<> using_it = use(client);
      co_await std::move(using_it);
    }
    co_await sleep_for(1s);  // The server hears of the client's end.
    server.stop();
    group.end_in_place();
  }

  Task<> accept(net::WebSocketServer& server, TaskGroup& group) {
    try {
      while (true) {
        net::AcceptedWebSocket accepted = co_await server.accept();
        const std::size_t number = connections_.size();
        connections_.push_back(std::make_unique<Connection>(loop_, std::move(accepted)));
        group.start({"connection", number}, serve(*connections_.back(), number));
      }
    } catch (const Error&) {
    }
  }

  Task<> serve(Connection& connection, std::size_t number) {
    try {
      Task<> playing = scripts_[std::min(number, scripts_.size() - 1)](connection);
      co_await std::move(playing);
      while (!connection.is_dropped()) {
        co_await connection.hear();
      }
    } catch (const net::ConnectionClosed& closed) {
      connection.closed = closed.status();
    }
  }

  std::vector<Script> scripts_;
};

}  // namespace soak::voice

#endif  // SOAK_TESTS_UNIT_VOICE_SCRIPTED_SERVER_H_

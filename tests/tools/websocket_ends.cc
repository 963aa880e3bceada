// SPDX-License-Identifier: Apache-2.0
// The ends of WebSocket for peers that are not ours. Each sends back every message that it receives, but for a text
// such as "close 4001 moved", which it answers by closing with that code and that reason:
//
//   websocket_ends serve    a WebSocketServer on ws: and one on wss:; prints URLs and files, and ends with its standard
//                           input
//   websocket_ends connect  a client, for each line "URL CA" on its standard input, one after the other; "-" is no CA.
//                           Prints how each connection ended: "1000 peer bye"

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "soak/event_loop.h"
#include "soak/net/test_ca.h"
#include "soak/net/websocket_client.h"
#include "soak/net/websocket_server.h"
#include "soak/run_blocking.h"
#include "soak/task.h"

namespace soak {
namespace {

// What a message such as "close 4001 moved" asks for.
std::optional<net::CloseStatus> asked_close(const net::Message& message) {
  unsigned code = 0;
  int reason = 0;
  if (!message.is_text() || std::sscanf(message.data.c_str(), "close %4u %n", &code, &reason) != 1 || reason == 0) {
    return std::nullopt;
  }
  return net::CloseStatus(static_cast<std::uint16_t>(code), message.data.substr(static_cast<std::size_t>(reason)),
                          net::CloseStatus::By::kLocal);
}

Task<net::CloseStatus> echo(net::WebSocket& socket) {
  try {
    for (;;) {
      net::Message message = co_await socket.receive();
      if (const std::optional<net::CloseStatus> asked = asked_close(message)) {
        co_await socket.close(asked->code, asked->reason);
        co_return *socket.close_status();
      }
      co_await socket.send(std::move(message));
    }
  } catch (const net::ConnectionClosed& closed) {
    co_return closed.status();
  }
}

// A handler that leaves as soon as its connection is closing.
Task<> serve_one(net::AcceptedWebSocket accepted) {
  Task<net::CloseStatus> echoing = echo(*accepted.socket);
  co_await std::move(echoing);
}

Task<> accept_all(TaskGroup& group, net::WebSocketServer& server) {
  for (std::uint64_t number = 1;; ++number) {
    Task<net::AcceptedWebSocket> accepting = server.accept();
    net::AcceptedWebSocket accepted = co_await std::move(accepting);
    group.start({"echo", number}, serve_one(std::move(accepted)), TaskKind::kFinite);
  }
}

int serve() {
  net::TestCa ca;
  UvLoop loop;
  net::ServerOptions tls;
  tls.tls = ca.issue({"localhost", "127.0.0.1"});
  net::WebSocketServer plain(loop);
  net::WebSocketServer secure(loop, tls);
  std::printf("%s\n%s\n%s\n%s\n%s\n", plain.url().c_str(), secure.url().c_str(), ca.ca_file().c_str(),
              tls.tls.certificate_file.c_str(), tls.tls.key_file.c_str());
  std::fflush(stdout);
  auto until_the_end = [&]() -> Task<> {
    co_await with_group(loop, {.cancel_first = true}, [&](TaskGroup& group) -> Task<> {
      group.start("accept ws", accept_all(group, plain));
      group.start("accept wss", accept_all(group, secure));
      co_await run_blocking([] {
        char byte = 0;
        while (::read(STDIN_FILENO, &byte, 1) > 0) {
          continue;
        }
        return 0;
      });
    });
  };
  loop.run(until_the_end());
  return 0;
}

Task<std::string> converse(EventLoop& loop, std::string url, std::string ca_file) {
  net::ConnectOptions options;
  options.ca_file = ca_file == "-" ? "" : std::move(ca_file);
  try {
    Task<std::unique_ptr<net::WebSocket>> connecting = net::connect_websocket(loop, std::move(url), options);
    const std::unique_ptr<net::WebSocket> socket = co_await std::move(connecting);
    Task<net::CloseStatus> echoing = echo(*socket);
    const net::CloseStatus status = co_await std::move(echoing);
    const char* const by = status.by == net::CloseStatus::By::kPeer    ? "peer"
                           : status.by == net::CloseStatus::By::kLocal ? "local"
                                                                       : "lost";
    co_return std::to_string(status.code) + " " + by + " " + status.reason;
  } catch (const Error& error) {
    co_return std::string("0 failed ") + error.what();
  }
}

// The loop runs on between two connections: what is closing goes on closing.
Task<> connect_all(EventLoop& loop) {
  for (;;) {
    Task<std::string> reading = run_blocking([] {
      std::string line;
      std::getline(std::cin, line);
      return line;
    });
    const std::string line = co_await std::move(reading);
    if (line.empty()) {
      co_return;
    }
    const std::size_t space = line.find(' ');
    Task<std::string> conversing = converse(loop, line.substr(0, space), line.substr(space + 1));
    const std::string outcome = co_await std::move(conversing);
    std::printf("%s\n", outcome.c_str());
    std::fflush(stdout);
  }
}

int connect() {
  UvLoop loop;
  loop.run(connect_all(loop));
  return 0;
}

}  // namespace
}  // namespace soak

int main(int argc, char** argv) {
  const std::string_view what = argc == 2 ? argv[1] : "";
  try {
    if (what == "serve") {
      return soak::serve();
    }
    if (what == "connect") {
      return soak::connect();
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "websocket_ends: %s\n", error.what());
    return 1;
  }
  std::fprintf(stderr, "usage: websocket_ends serve | websocket_ends connect\n");
  return 2;
}

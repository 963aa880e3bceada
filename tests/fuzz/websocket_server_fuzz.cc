// SPDX-License-Identifier: Apache-2.0
// Hostile clients of WebSocketServer on sockets, with a handler that sends back what it receives. Whatever they send
// behind the handshake: what the server says is read by a strict reader; the messages that come back are those that
// were sent, in order, and all of them if the client neither closes nor breaks a rule; of pings the latest at least is
// answered; a close is answered with its code, a broken rule with the code of that rule; nothing is behind that; and
// nothing is left when the client has gone.
//
// The first byte gives the size of the pieces; what is behind it comes over the wire.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/net/websocket_reader.h"
#include "raw_socket.h"
#include "require.h"
#include "soak/event_loop.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"

namespace soak {
namespace {

using fuzz::require;
using net::WebSocketReader;

constexpr std::size_t kMessageMax = 300;

// What one end says, up to its close frame or the first rule that it breaks.
struct Said {
  std::vector<net::Message> messages;
  std::vector<std::string> pings;
  std::vector<std::string> pongs;
  std::optional<std::uint16_t> close;  // 1005 for a close frame without a code.
  std::optional<std::uint16_t> fault;

  bool ended() const { return close || fault; }
};

void read(WebSocketReader& reader, std::string_view bytes, Said& said) {
  while (!bytes.empty()) {
    switch (reader.next(bytes)) {
      case WebSocketReader::Event::kNone:
        break;
      case WebSocketReader::Event::kMessage:
        said.messages.push_back(reader.take_message());
        break;
      case WebSocketReader::Event::kPing:
        said.pings.emplace_back(reader.control());
        break;
      case WebSocketReader::Event::kPong:
        said.pongs.emplace_back(reader.control());
        break;
      case WebSocketReader::Event::kClose:
        said.close = reader.close_code();
        require(bytes.empty() || reader.next(bytes) == WebSocketReader::Event::kNone, "a close frame is the last");
        return;
      case WebSocketReader::Event::kFault:
        said.fault = reader.fault().code;
        return;
    }
  }
}

Task<> echo(std::unique_ptr<net::WebSocket> socket) {
  try {
    for (;;) {
      net::Message message = co_await socket->receive();
      co_await socket->send(std::move(message));
    }
  } catch (const net::ConnectionClosed&) {
  }
}

Task<> serve(net::WebSocketServer& server) {
  net::AcceptedWebSocket accepted = co_await server.accept();
  Task<> echoing = echo(std::move(accepted.socket));
  co_await std::move(echoing);
}

void compare(const Said& client, const Said& server) {
  require(!server.fault && server.pings.empty(), "the server breaks no rule, and asks nothing");
  require(server.messages.size() <= client.messages.size() &&
              std::equal(server.messages.begin(), server.messages.end(), client.messages.begin()),
          "what comes back is what was sent");
  require(client.ended() || server.messages.size() == client.messages.size(), "all of it comes back");
  auto ping = client.pings.begin();
  for (const std::string& pong : server.pongs) {
    ping = std::find(ping, client.pings.end(), pong);
    require(ping != client.pings.end(), "a pong answers a ping, in order");
    ++ping;
  }
  require(client.pings.empty() || (!server.pongs.empty() && server.pongs.back() == client.pings.back()),
          "the latest ping is answered");
  require(server.close == (client.fault ? client.fault : client.close), "a close, and a fault, have their answer");
}

Task<> converse(net::WebSocketServer& server, std::string_view wire, std::size_t piece_size, const Said& client) {
  {
    fuzz::RawSocket socket(server.port());
    constexpr std::string_view kUpgrade =
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    require(socket.write(kUpgrade), "the request is taken");
    while (!wire.empty()) {
      if (!socket.write(wire.substr(0, piece_size))) {
        break;
      }
      wire.remove_prefix(std::min(piece_size, wire.size()));
      co_await sleep_for(std::chrono::milliseconds{0});
    }
    std::size_t head_end = std::string::npos;
    while ((head_end = socket.input().find("\r\n\r\n")) == std::string::npos) {
      co_await socket.read_more();
    }
    require(socket.input().starts_with("HTTP/1.1 101 "), "the handshake is accepted");
    socket.input().erase(0, head_end + 4);
    Said said;
    WebSocketReader reader(WebSocketReader::Masking::kForbidden, std::numeric_limits<std::size_t>::max());
    const auto all_said = [&] {
      return said.ended() ||
             (!client.ended() && said.messages.size() >= client.messages.size() &&
              (client.pings.empty() || (!said.pongs.empty() && said.pongs.back() == client.pings.back())));
    };
    for (read(reader, std::exchange(socket.input(), {}), said); !all_said() && !socket.ended();) {
      co_await socket.read_more();
      read(reader, std::exchange(socket.input(), {}), said);
    }
    compare(client, said);
    socket.end_writing();
    while (!socket.ended()) {
      co_await socket.read_more();
    }
    require(socket.input().empty(), "nothing is behind the last answer");
  }
  for (int turns = 0; server.open_connections() > 0 && turns < 5'000; ++turns) {
    co_await sleep_for(std::chrono::milliseconds{1});
  }
  require(server.open_connections() == 0, "nothing of a connection is left");
}

}  // namespace
}  // namespace soak

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace soak;
  if (size == 0) {
    return 0;
  }
  const std::string wire(data + 1, data + size);
  Said client;
  WebSocketReader reader(WebSocketReader::Masking::kRequired, kMessageMax);
  read(reader, wire, client);

  UvLoop loop;
  net::ServerOptions options;
  options.message_bytes_max = kMessageMax;
  net::WebSocketServer server(loop, options);
  TaskGroup tasks(loop);
  tasks.start("server", serve(server), TaskKind::kFinite);
  loop.run(converse(server, wire, data[0] / 2U + 1U, client));
  tasks.end_in_place();
  return 0;
}

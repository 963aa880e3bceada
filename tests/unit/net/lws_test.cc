// SPDX-License-Identifier: Apache-2.0
// What only the real transport has: TCP below it, and clients that are not ours.

#include <netdb.h>

#include <future>
#include <string>
#include <thread>
#include <vector>

#include "soak/net/websocket_client.h"
#include "soak/net/websocket_server.h"
#include "tests/unit/net/raw_socket.h"
#include "tests/unit/net/transports.h"

namespace soak::net {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class LwsTest : public TransportTest<Real> {};

constexpr char kUpgrade[] =
    "GET /raw HTTP/1.1\r\nHost: localhost\r\nupgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

// A client's frame, masked with zeros.
std::string frame(int first_byte, const std::string& payload) {
  std::string bytes(1, static_cast<char>(first_byte));
  bytes.push_back(static_cast<char>(0x80 | payload.size()));
  return bytes + std::string(4, '\0') + payload;
}

std::string close_frame(int code) { return {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)}; }

Task<> until(EventLoop& loop, std::future<void>& done) {
  (void)loop;
  while (done.wait_for(0s) != std::future_status::ready) {
    co_await sleep_for(1ms);
  }
  done.get();
}

TEST_F(LwsTest, PutsFragmentsTogether) {
  WebSocketServer server(loop_);
  auto client = std::async(std::launch::async, [&] {
    const RawClient raw(server.port());
    raw.write(kUpgrade);
    EXPECT_THAT(raw.read_to("\r\n\r\n"), HasSubstr("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));  // RFC 6455, section 1.3.
    raw.write(frame(0x01, "one ") + frame(0x00, "two "));
    raw.write(frame(0x89, "ping"));
    raw.write(frame(0x00, "") + frame(0x80, "three"));
    EXPECT_EQ(raw.read(6), "\x8a\x04ping");
    raw.write(frame(0x82, "x") + frame(0x88, close_frame(1000) + "bye"));
    EXPECT_EQ(raw.read(7),
              "\x88\x05\x03\xe8"
              "bye");
    EXPECT_EQ(raw.read_all(), "");
  });
  run([&]() -> Task<> {
    AcceptedWebSocket accepted = co_await server.accept();
    EXPECT_EQ(accepted.request.path, "/raw");
    std::vector<Message> messages;
    CloseStatus status = co_await receive_all(*accepted.socket, &messages);
    EXPECT_THAT(messages, ::testing::ElementsAre(Message::text("one two three"), Message::binary("x")));
    EXPECT_EQ(status, CloseStatus(1000, "bye", CloseStatus::By::kPeer));
  });
  client.get();
}

TEST_F(LwsTest, TakesFramesThatCameWithTheRequest) {
  WebSocketServer server(loop_);
  auto client = std::async(std::launch::async, [&] {
    const RawClient raw(server.port());
    raw.write(kUpgrade + frame(0x81, "early"));
    raw.read_to("\r\n\r\n");
    EXPECT_EQ(raw.read(4), "\x81\x02ok");
  });
  run([&]() -> Task<> {
    AcceptedWebSocket accepted = co_await server.accept();
    Message message = co_await accepted->receive();
    EXPECT_EQ(message.data, "early");
    co_await accepted->send_text("ok");
    co_await receive_all(*accepted.socket);
  });
  client.get();
}

TEST_F(LwsTest, TakesARequestByteByByte) {
  WebSocketServer server(loop_);
  auto client = std::async(std::launch::async, [&] {
    const RawClient raw(server.port());
    for (const char byte : std::string_view(kUpgrade)) {
      raw.write(std::string_view(&byte, 1));
    }
    EXPECT_THAT(raw.read_to("\r\n\r\n"), StartsWith("HTTP/1.1 101 "));
  });
  run([&]() -> Task<> {
    AcceptedWebSocket accepted = co_await server.accept();
    co_await receive_all(*accepted.socket);
  });
  client.get();
}

TEST_F(LwsTest, AnswersWhatIsNoHandshake) {
  WebSocketServer server(loop_);
  auto client = std::async(std::launch::async, [&] {
    const auto answer = [&](const std::string& request) {
      const RawClient raw(server.port());
      raw.write(request);
      return raw.read_all();
    };
    EXPECT_THAT(answer("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 426 "));
    EXPECT_THAT(answer("POST / HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(answer("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(answer("GET / HTTP/1.1\r\nX: " + std::string(40'000, 'x')), StartsWith("HTTP/1.1 431 "));
    EXPECT_THAT(answer("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                       "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
                HasSubstr("Sec-WebSocket-Version: 13"));
  });
  run([&]() -> Task<> { co_await until(loop_, client); });
  EXPECT_EQ(server.open_connections(), 0u);
}

TEST_F(LwsTest, DropsAClientThatNeverEndsItsRequest) {
  ServerOptions options;
  options.handshake_timeout = 50ms;
  WebSocketServer server(loop_, options);
  auto client = std::async(std::launch::async, [&] {
    const RawClient raw(server.port());
    raw.write("GET / HTTP/1.1\r\n");
    EXPECT_EQ(raw.read_all(), "");
  });
  run([&]() -> Task<> { co_await until(loop_, client); });
}

TEST_F(LwsTest, SurvivesAnInvalidFrame) {
  WebSocketServer server(loop_);
  auto client = std::async(std::launch::async, [&] {
    const RawClient raw(server.port());
    raw.write(kUpgrade);
    raw.read_to("\r\n\r\n");
    raw.write(frame(0x83, "reserved opcode"));
    EXPECT_EQ(raw.read(4).substr(2), "\x03\xea");  // 1002
  });
  run([&]() -> Task<> {
    AcceptedWebSocket accepted = co_await server.accept();
    CloseStatus status = co_await receive_all(*accepted.socket);
    EXPECT_NE(status.by, CloseStatus::By::kPeer);
    co_await until(loop_, client);
  });
}

TEST_F(LwsTest, CarriesHeavyLoadBothWays) {
  WebSocketServer server(loop_);
  constexpr int kMessages = 5'000;
  const std::string payload(1'327, 'p');
  run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(loop_, server);
    auto pump = [&](WebSocket& socket) -> Task<> {
      for (int i = 0; i < kMessages; ++i) {
        co_await socket.send_text(std::to_string(i) + payload);
      }
    };
    auto drain = [&](WebSocket& socket) -> Task<> {
      for (int i = 0; i < kMessages; ++i) {
        Message message = co_await socket.receive();
        if (message.data != std::to_string(i) + payload) {
          ADD_FAILURE() << "message " << i << " is not it";
        }
      }
    };
    co_await with_group(loop_, {}, [&](TaskGroup& group) -> Task<> {
      group.start("up", pump(*pair.client), TaskKind::kFinite);
      group.start("down", pump(*pair.server), TaskKind::kFinite);
      group.start("top", drain(*pair.server), TaskKind::kFinite);
      co_await drain(*pair.client);
    });
    EXPECT_EQ(pair.client->counters().frames_sent, 5'000u);
    EXPECT_EQ(pair.client->counters().frames_received, 5'000u);
    co_await pair.client->close();
  });
}

TEST_F(LwsTest, LooksNamesUp) {
  addrinfo* found = nullptr;
  if (::getaddrinfo("localhost", nullptr, nullptr, &found) != 0) {
    GTEST_SKIP() << "this machine does not know localhost";
  }
  ::freeaddrinfo(found);
  WebSocketServer server(loop_);
  run([&]() -> Task<> {
    std::string url = "ws://localhost:" + std::to_string(server.port());
    auto client = co_await connect_websocket(loop_, url);
    AcceptedWebSocket accepted = co_await server.accept();
    EXPECT_EQ(accepted.request.headers.get("Host"), "localhost:" + std::to_string(server.port()));
  });
}

TEST_F(LwsTest, NamesTheCauseOfAFailedConnect) {
  run([&]() -> Task<> {
    // A name that no resolver need be asked for, and an address that no packet can be sent to: both fail at once.
    for (const char* url : {"ws://no..name/", "ws://[fe80::1]:1/"}) {
      try {
        std::string text = url;
        auto socket = co_await connect_websocket(loop_, text);
        ADD_FAILURE();
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::kConnectFailed) << error.what();
        EXPECT_THAT(error.what(), StartsWith(url));
      }
    }
  });
}

TEST_F(LwsTest, ServesIpv6) {
  ServerOptions options;
  options.host = "::1";
  std::unique_ptr<WebSocketServer> server;
  try {
    server = std::make_unique<WebSocketServer>(loop_, options);
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  EXPECT_THAT(server->url(), StartsWith("ws://[::1]:"));
  run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(loop_, *server);
    co_await pair.client->send_text("six");
    Message message = co_await pair.server->receive();
    EXPECT_EQ(message.data, "six");
  });
}

TEST_F(LwsTest, AHostThatIsNoAddressCannotListen) {
  ServerOptions options;
  options.host = "not-an-address";
  EXPECT_THROW(WebSocketServer(loop_, options), Error);
}

}  // namespace
}  // namespace soak::net

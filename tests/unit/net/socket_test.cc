// SPDX-License-Identifier: Apache-2.0
// What only the real transport has: TCP below it, and clients that are not ours.

#include <malloc.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "soak/net/http_client.h"
#include "soak/net/http_server.h"
#include "soak/net/websocket_client.h"
#include "soak/net/websocket_server.h"
#include "tests/unit/net/raw_socket.h"
#include "tests/unit/net/transports.h"

namespace soak::net {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class SocketTest : public TransportTest<Real> {};

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

TEST_F(SocketTest, PutsFragmentsTogether) {
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

// Sends back what it receives, until the connection ends.
Task<> echo(WebSocket& socket) {
  try {
    for (;;) {
      Message message = co_await socket.receive();
      co_await socket.send(std::move(message));
    }
  } catch (const ConnectionClosed&) {
  }
}

// RFC 6455, section 5.5.1. The handler wakes when both are read: its send() throws, and its socket goes at once.
TEST_F(SocketTest, AnswersACloseThatIsReadTogetherWithAMessage) {
  WebSocketServer server(loop_);
  for (int round = 0; round < 20; ++round) {
    auto client = std::async(std::launch::async, [&] {
      const RawClient raw(server.port());
      raw.write(kUpgrade);
      raw.read_to("\r\n\r\n");
      raw.write(frame(0x81, "text") + frame(0x88, close_frame(1000) + "bye"));
      EXPECT_EQ(raw.read_all(),
                "\x88\x05\x03\xe8"
                "bye");
    });
    run([&]() -> Task<> {
      AcceptedWebSocket accepted = co_await server.accept();
      co_await echo(*accepted.socket);
      EXPECT_EQ(accepted.socket->close_status(), CloseStatus(1000, "bye", CloseStatus::By::kPeer));
      accepted.socket.reset();
      co_await until(loop_, client);
    });
  }
}

// Section 5.5.3 wants the latest of them answered; all of them are, as long as the peer reads.
TEST_F(SocketTest, AnswersABurstOfPings) {
  WebSocketServer server(loop_);
  auto client = std::async(std::launch::async, [&] {
    const RawClient raw(server.port());
    raw.write(kUpgrade);
    raw.read_to("\r\n\r\n");
    std::string pings;
    std::string pongs;
    for (int i = 0; i < 100; ++i) {
      const std::string payload = std::to_string(i);
      pings += frame(0x89, payload);
      pongs += std::string("\x8a") + static_cast<char>(payload.size()) + payload;
    }
    raw.write(pings);
    EXPECT_EQ(raw.read(pongs.size()), pongs);
  });
  run([&]() -> Task<> {
    AcceptedWebSocket accepted = co_await server.accept();
    co_await receive_all(*accepted.socket);
    co_await until(loop_, client);
  });
}

// A peer that pings and does not read costs no more than the pong for its latest ping.
TEST_F(SocketTest, APeerThatDoesNotReadItsPongsGetsTheLatest) {
  WebSocketServer server(loop_);
  std::promise<void> stuck;
  std::promise<void> pinged;
  auto client = std::async(std::launch::async, [&] {
    const RawClient raw(server.port());
    raw.write(kUpgrade);
    raw.read_to("\r\n\r\n");
    stuck.get_future().wait();
    raw.write(frame(0x89, "first") + frame(0x89, "second") + frame(0x89, "last") + frame(0x81, "read"));
    pinged.get_future().wait();  // Nothing is read before the server has read the pings.
    std::string all;
    for (std::string some = raw.read_some(); !some.empty(); some = raw.read_some()) {
      all += some;
    }
    EXPECT_EQ(all.find("first"), std::string::npos);
    EXPECT_EQ(all.find("second"), std::string::npos);
    EXPECT_NE(all.find("\x8a\x04last"), std::string::npos);
  });
  run([&]() -> Task<> {
    AcceptedWebSocket accepted = co_await server.accept();
    const std::string filler(std::size_t{1} << 20, 'x');
    bool flooding = true;
    auto flood = [&]() -> Task<> {
      while (flooding) {
        co_await accepted->send_binary(filler);
      }
    };
    co_await with_group(loop_, {}, [&](TaskGroup& group) -> Task<> {
      group.start("flood", flood());
      while (accepted->buffered_bytes() <= WebSocketLimits().send_watermark_bytes) {
        co_await yield();
      }
      for (int turn = 0; turn < 200; ++turn) {
        co_await yield();
      }
      stuck.set_value();
      Message message = co_await accepted->receive();
      EXPECT_EQ(message.data, "read");
      flooding = false;
      pinged.set_value();
    });
    while (accepted->buffered_bytes() > 0) {
      co_await sleep_for(1ms);
    }
    accepted.socket.reset();
    co_await until(loop_, client);
  });
}

// Section 5.5.3: a pong may be unasked, and may answer the latest of several pings.
TEST_F(SocketTest, APongConfirmsWhatWasSentBeforeThePingThatItNames) {
  ServerOptions options;
  options.ping_interval = 10ms;
  WebSocketServer server(loop_, options);
  std::promise<void> checked;
  auto client = std::async(std::launch::async, [&] {
    const RawClient raw(server.port());
    raw.write(kUpgrade);
    raw.read_to("\r\n\r\n");
    EXPECT_EQ(raw.read(18),
              "\x81\x01x\x81\x01x\x81\x01x\x89\x01"
              "1\x89\x01"
              "2\x89\x01"
              "3");
    raw.write(frame(0x8A, "") + frame(0x8A, "soak") + frame(0x8A, "999999") + frame(0x81, "unasked"));
    checked.get_future().wait();
    raw.write(frame(0x8A, "3") + frame(0x8A, "2") + frame(0x81, "asked"));
    raw.read_all();
  });
  run([&]() -> Task<> {
    AcceptedWebSocket accepted = co_await server.accept();
    for (int i = 0; i < 3; ++i) {
      co_await accepted->send_text("x");
    }
    Message message = co_await accepted->receive();
    EXPECT_EQ(message.data, "unasked");
    EXPECT_EQ(accepted->counters().frames_confirmed, 0u);
    co_await accepted->send_text("after the third ping");
    checked.set_value();
    message = co_await accepted->receive();
    EXPECT_EQ(message.data, "asked");
    EXPECT_EQ(accepted->counters().frames_confirmed, 3u);
    accepted.socket.reset();
    co_await until(loop_, client);
  });
}

struct Broken {
  const char* name;
  std::string bytes;
  int code;
};

// The right code, at once, and the end behind it: nobody waits for the close timeout.
TEST_F(SocketTest, AClientThatBreaksTheProtocolIsToldSoAtOnce) {
  const std::vector<Broken> rows{{"no mask", "\x81\x01x", 1002},
                                 {"an opcode", frame(0x83, "x"), 1002},
                                 {"a length", std::string("\x81\xfe\0\x01\0\0\0\0x", 9), 1002},
                                 {"a close of one byte", frame(0x88, "x"), 1002},
                                 {"a code", frame(0x88, close_frame(5000)), 1002},
                                 {"a reason", frame(0x88, close_frame(1000) + "\xff"), 1007},
                                 {"a text", frame(0x81, "\xff"), 1007}};
  WebSocketServer server(loop_);
  for (const Broken& row : rows) {
    auto client = std::async(std::launch::async, [&] {
      const RawClient raw(server.port());
      raw.write(kUpgrade);
      raw.read_to("\r\n\r\n");
      raw.write(row.bytes);
      const std::string answer = raw.read_all();
      EXPECT_EQ(answer.substr(0, 1), "\x88") << row.name;
      EXPECT_EQ(answer.substr(2, 2), close_frame(row.code)) << row.name;
    });
    run([&]() -> Task<> {
      AcceptedWebSocket accepted = co_await server.accept();
      const Instant begun = loop_.now();
      CloseStatus status = co_await receive_all(*accepted.socket);
      EXPECT_EQ(status.code, row.code) << row.name;
      EXPECT_EQ(status.by, CloseStatus::By::kLocal) << row.name;
      co_await until(loop_, client);
      EXPECT_LT(loop_.now() - begun, WebSocketLimits().close_timeout) << row.name;
    });
  }
}

TEST_F(SocketTest, PassesOnEveryCodeThatIsForUse) {
  WebSocketServer server(loop_);
  for (const int code : {1000, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4999}) {
    auto client = std::async(std::launch::async, [&] {
      const RawClient raw(server.port());
      raw.write(kUpgrade);
      raw.read_to("\r\n\r\n");
      raw.write(frame(0x88, close_frame(code)));
      EXPECT_EQ(raw.read_all(), "\x88\x02" + close_frame(code));
    });
    run([&]() -> Task<> {
      AcceptedWebSocket accepted = co_await server.accept();
      CloseStatus status = co_await receive_all(*accepted.socket);
      EXPECT_EQ(status, CloseStatus(static_cast<std::uint16_t>(code), "", CloseStatus::By::kPeer));
      co_await until(loop_, client);
    });
  }
}

// More of them than the server deals with at a time.
TEST_F(SocketTest, ClientsThatOnlyConnectKeepNobodyOut) {
  WebSocketServer server(loop_);
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 300; ++i) {
    silent.push_back(std::make_unique<RawClient>(server.port()));
  }
  run([&]() -> Task<> {
    const Instant begun = loop_.now();
    auto client = co_await connect_websocket(loop_, server.url());
    AcceptedWebSocket accepted = co_await server.accept();
    EXPECT_LT(loop_.now() - begun, ServerOptions().handshake_timeout / 2);
  });
  EXPECT_EQ(silent.front()->read_all(), "") << "the longest silent one has gone";
}

TEST_F(SocketTest, TakesFramesThatCameWithTheRequest) {
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

TEST_F(SocketTest, TakesARequestByteByByte) {
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

TEST_F(SocketTest, AnswersWhatIsNoHandshake) {
  WebSocketServer server(loop_);
  auto client = std::async(std::launch::async, [&] {
    const auto answer = [&](const std::string& request) {
      const RawClient raw(server.port());
      raw.write(request);
      return raw.read_all();
    };
    EXPECT_THAT(answer("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 426 "));
    EXPECT_THAT(answer("POST / HTTP/1.1\r\nHost: h\r\n\r\n"),
                ::testing::AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("\r\nDate: ")));
    const auto upgrade = [](const std::string& version, const std::string& fields) {
      return "GET / HTTP/" + version + "\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" + fields + "\r\n";
    };
    const std::string host = "Host: h\r\n";
    const std::string thirteen = "Sec-WebSocket-Version: 13\r\n";
    const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    EXPECT_THAT(answer(upgrade("1.0", host + thirteen + key)), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(answer(upgrade("1.1", thirteen + key)), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(answer(upgrade("1.1", "Host: a b\r\n" + thirteen + key)), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(answer(upgrade("1.1", host + thirteen)), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(answer(upgrade("1.1", host + thirteen + key + key)), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(answer(upgrade("1.1", host + thirteen + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=!\r\n")),
                StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(answer(upgrade("1.1", host + thirteen + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n")),
                StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(answer(upgrade("1.1", host + thirteen + key + "Content-Length: 3\r\n") + "abc"),
                StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(answer(upgrade("1.1", host + thirteen + thirteen + key)), StartsWith("HTTP/1.1 426 "));
    EXPECT_THAT(answer("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(answer("GET / HTTP/1.1\r\nX: " + std::string(40'000, 'x')), StartsWith("HTTP/1.1 431 "));
    EXPECT_THAT(answer("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                       "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
                HasSubstr("Sec-WebSocket-Version: 13"));
  });
  run([&]() -> Task<> { co_await until(loop_, client); });
  EXPECT_EQ(server.open_connections(), 0u);
}

TEST_F(SocketTest, DropsAClientThatNeverEndsItsRequest) {
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

TEST_F(SocketTest, SurvivesAnInvalidFrame) {
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

TEST_F(SocketTest, CarriesHeavyLoadBothWays) {
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

TEST_F(SocketTest, LooksNamesUp) {
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

TEST_F(SocketTest, NamesTheCauseOfAFailedConnect) {
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

// Of each TCP connection of this process, whether it sends small packets at once.
std::vector<bool> sends_at_once() {
  std::vector<bool> each;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename().string());
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const bool connected = getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
    int value = 0;
    size = sizeof value;
    if (connected && getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0) {
      each.push_back(value != 0);
    }
  }
  return each;
}

// With Nagle's algorithm a second small message waits until the peer has acknowledged the first, and a peer that has
// nothing to send does that after 40 ms.
TEST_F(SocketTest, NoEndOfAConnectionHoldsSmallMessagesBack) {
  const std::vector<bool> before = sends_at_once();
  WebSocketServer server(loop_);
  HttpServer http_server(loop_, [](HttpServerRequest) -> Task<HttpReply> { co_return HttpReply(200, "ok"); });
  HttpClient http(loop_);

  run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(loop_, server);
    HttpRequest request("POST", http_server.url(), "body");
    HttpResponse response = co_await http.send(request);

    EXPECT_EQ(response.status, 200);
    const std::vector<bool> sockets = sends_at_once();
    EXPECT_EQ(sockets.size(), before.size() + 4);
    EXPECT_THAT(sockets, Each(true));
  });
}

TEST_F(SocketTest, AnIdleHttpConnectionHoldsNothingOfTheBodyThatItBrought) {
  HttpServer server(loop_, [](HttpServerRequest) -> Task<HttpReply> { co_return HttpReply(200, "ok"); });
  constexpr std::size_t kBody = std::size_t{200} << 10;
  constexpr int kConnections = 20;
  const std::string request = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(kBody) +
                              "\r\n\r\n" + std::string(kBody, 'x');
  std::vector<std::unique_ptr<RawClient>> clients;
  const auto ask = [&] {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    clients.back()->write(request);
    EXPECT_THAT(clients.back()->read_to("ok"), HasSubstr("200"));
  };
  auto first = std::async(std::launch::async, ask);
  run([&]() -> Task<> { co_await until(loop_, first); });
  const std::size_t before = mallinfo2().uordblks;

  auto others = std::async(std::launch::async, [&] {
    for (int i = 0; i < kConnections; ++i) {
      ask();
    }
  });
  run([&]() -> Task<> { co_await until(loop_, others); });

  EXPECT_LT(mallinfo2().uordblks, before + kConnections * (std::size_t{16} << 10));
}

TEST_F(SocketTest, ServesIpv6) {
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

TEST_F(SocketTest, AHostThatIsNoAddressCannotListen) {
  ServerOptions options;
  options.host = "not-an-address";
  EXPECT_THROW(WebSocketServer(loop_, options), Error);
}

}  // namespace
}  // namespace soak::net

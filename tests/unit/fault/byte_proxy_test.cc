// SPDX-License-Identifier: Apache-2.0
// What a client sees of the bytes that a proxy breaks.

#include "soak/fault/byte_proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/websocket_client.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"

namespace soak::fault {
namespace {

using namespace std::chrono_literals;
using net::CloseStatus;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A client that reaches its server through a proxy. The server says "message 1", "message 2", ... and closes.
class ByteProxyTest : public testing::Test {
 protected:
  struct Heard {
    std::vector<std::string> messages;
    std::optional<CloseStatus> end;
    std::string not_connected;  // What connecting threw instead.
    std::optional<CloseStatus> end_at_server;
  };

  Heard hear(BytePlan plan, int messages, net::ConnectOptions options = net::ConnectOptions()) {
    Heard heard;
    loop_.run([](ByteProxyTest& test, BytePlan own_plan, int count, net::ConnectOptions with, Heard& into) -> Task<> {
      net::WebSocketServer server(test.loop_);
      ByteProxy proxy(test.loop_, server.port(), [&own_plan](std::uint64_t) { return own_plan; });
      TaskGroup tasks(test.loop_);
      tasks.start("server", serve(server, count, into, test.says_));
      std::string url = proxy.url(server.url());
      try {
        std::unique_ptr<net::WebSocket> client = co_await net::connect_websocket(test.loop_, url, with);
        Task<> hearing = hear_all(*client, into);
        co_await std::move(hearing);
      } catch (const Error& error) {
        into.not_connected = error.what();
      }
      server.stop();
      const Instant until = test.loop_.now() + 5s;
      while ((proxy.open_connections() > 0 || !tasks.empty()) && test.loop_.now() < until) {
        co_await sleep_for(1ms);
      }
      EXPECT_EQ(proxy.open_connections(), 0u);
      EXPECT_EQ(proxy.connections(), 1u);
      for (std::size_t kind = 0; kind < kByteKinds; ++kind) {
        test.played_[kind] = proxy.played(static_cast<ByteKind>(kind));
      }
      co_await drain(tasks);
    }(*this, std::move(plan), messages, std::move(options), heard));
    return heard;
  }

  static Task<> hear_all(net::WebSocket& client, Heard& into) {
    try {
      for (;;) {
        net::Message message = co_await client.receive();
        into.messages.push_back(std::move(message.data));
      }
    } catch (const net::ConnectionClosed& closed) {
      into.end = closed.status();
    }
  }

  static Task<> serve(net::WebSocketServer& server, int messages, Heard& into, const std::string& says) {
    net::AcceptedWebSocket accepted;
    try {
      accepted = co_await server.accept();
    } catch (const Error&) {
      co_return;
    }
    try {
      for (int i = 1; i <= messages; ++i) {
        std::string text = says + std::to_string(i);
        co_await accepted->send_text(std::move(text));
        co_await sleep_for(2ms);
      }
      co_await accepted->close();
    } catch (const net::ConnectionClosed&) {
    }
    into.end_at_server = accepted->close_status();
  }

  static BytePlan with(ByteFault fault) {
    BytePlan plan;
    plan.faults.push_back(std::move(fault));
    return plan;
  }
  // Comes in the place of the second message.
  static BytePlan injecting(const RawFrame& frame) {
    return with({.kind = ByteKind::kInject, .in_frame = 2, .bytes = bytes_of(frame)});
  }
  std::uint64_t played(ByteKind kind) const { return played_.at(static_cast<std::size_t>(kind)); }

  UvLoop loop_;
  std::string says_ = "message ";
  std::array<std::uint64_t, kByteKinds> played_{};
};

TEST_F(ByteProxyTest, WithoutFaultsNothingIsChanged) {
  const Heard heard = hear({}, 3);

  EXPECT_THAT(heard.messages, ElementsAre("message 1", "message 2", "message 3"));
  EXPECT_EQ(heard.end, CloseStatus(net::kCloseNormal, "", CloseStatus::By::kPeer));
}

TEST_F(ByteProxyTest, HandshakeAndFramesMayComeByteByByte) {
  BytePlan plan;
  plan.to_client.piece_bytes = plan.to_server.piece_bytes = 1;
  const Heard heard = hear(plan, 3);

  EXPECT_THAT(heard.messages, ElementsAre("message 1", "message 2", "message 3"));
  EXPECT_EQ(heard.end->code, net::kCloseNormal);
}

TEST_F(ByteProxyTest, ATrickleTakesItsTime) {
  BytePlan plan;
  plan.to_client.bytes_per_second = 2000;
  const Instant begun = loop_.now();
  const Heard heard = hear(plan, 10);

  EXPECT_THAT(heard.messages, SizeIs(10));
  // The answer to the handshake alone has more than a hundred bytes, and each message has eleven.
  EXPECT_GE(loop_.now() - begun, 100ms);
}

TEST_F(ByteProxyTest, LatencyDelaysEachDirection) {
  BytePlan plan;
  plan.to_client.latency = 40ms;
  plan.to_server.latency = 30ms;
  const Instant begun = loop_.now();
  const Heard heard = hear(plan, 3);

  EXPECT_THAT(heard.messages, SizeIs(3));
  EXPECT_GE(loop_.now() - begun, 140ms);  // The handshake there and back, and the close.
}

TEST_F(ByteProxyTest, AResetInTheMiddleOfAFrame) {
  const Heard heard = hear(with({.kind = ByteKind::kReset, .in_frame = 3}), 5);

  EXPECT_THAT(heard.messages, ElementsAre("message 1", "message 2"));
  EXPECT_EQ(heard.end->code, net::kCloseAbnormal);
  EXPECT_EQ(heard.end->by, CloseStatus::By::kLost);
  EXPECT_EQ(heard.end_at_server->by, CloseStatus::By::kLost);
  EXPECT_EQ(played(ByteKind::kReset), 1u);
}

TEST_F(ByteProxyTest, AnEndInTheMiddleOfAFrame) {
  const Heard heard = hear(with({.kind = ByteKind::kCut, .in_frame = 3}), 5);

  EXPECT_THAT(heard.messages, ElementsAre("message 1", "message 2"));
  EXPECT_EQ(heard.end->code, net::kCloseAbnormal);
  EXPECT_EQ(heard.end_at_server->by, CloseStatus::By::kLost);
  EXPECT_EQ(played(ByteKind::kCut), 1u);
}

TEST_F(ByteProxyTest, AHandshakeThatEndsInItsFirstLine) {
  for (const ByteKind kind : {ByteKind::kReset, ByteKind::kCut}) {
    const Heard heard = hear(with({.kind = kind, .in_frame = 0}), 5);

    EXPECT_THAT(heard.not_connected, HasSubstr("ws://127.0.0.1:")) << to_string(kind);
    EXPECT_FALSE(heard.end);
    EXPECT_EQ(played(kind), 1u);
  }
}

TEST_F(ByteProxyTest, AFaultInAFrameWithoutAMiddleHitsTheNextThatHasOneAndOnlyThat) {
  says_ = "";  // Up to "9" there is one byte of payload.
  const Heard heard = hear(with({.kind = ByteKind::kReset, .in_frame = 3}), 20);

  EXPECT_THAT(heard.messages, SizeIs(9));
  EXPECT_EQ(heard.end->by, CloseStatus::By::kLost);
  EXPECT_EQ(played(ByteKind::kReset), 1u);

  const Heard again = hear(with({.kind = ByteKind::kHalfOpen, .in_frame = 3, .lasts = 10ms}), 20);

  EXPECT_THAT(again.messages, SizeIs(20));
  EXPECT_EQ(played(ByteKind::kHalfOpen), 1u);
}

TEST_F(ByteProxyTest, AHalfOpenConnectionIsNoticedByItsPings) {
  net::ConnectOptions options;
  options.ping_interval = 100ms;
  options.ping_timeout = 400ms;
  const Heard heard = hear(with({.kind = ByteKind::kHalfOpen, .in_frame = 3, .lasts = 1s}), 10'000, options);

  EXPECT_THAT(heard.messages, ElementsAre("message 1", "message 2"));
  EXPECT_EQ(heard.end->by, CloseStatus::By::kLocal);
  EXPECT_THAT(heard.end->reason, HasSubstr("ping timeout"));
  EXPECT_EQ(heard.end_at_server->by, CloseStatus::By::kLost);
  EXPECT_EQ(played(ByteKind::kHalfOpen), 1u);
}

TEST_F(ByteProxyTest, FramesThatNoServerMaySendEndTheConnection) {
  const std::vector<std::pair<const char*, RawFrame>> wrong = {
      {"an opcode that does not exist", {.opcode = 3, .payload = "what"}},
      {"a control opcode that does not exist", {.opcode = 11, .payload = "what"}},
      {"text that is no UTF-8", {.payload = "\xc3\x28"}},
      {"a reserved bit", {.payload = "what", .reserved = 4}},
      {"a fragmented ping", {.opcode = 9, .payload = "what", .final = false}},
      {"a ping that is too long", {.opcode = 9, .payload = std::string(126, 'x')}},
      {"a continuation of nothing", {.opcode = 0, .payload = "what"}},
  };
  for (const auto& [what, frame] : wrong) {
    const Heard heard = hear(injecting(frame), 1000);

    EXPECT_THAT(heard.messages, ElementsAre("message 1")) << what;
    ASSERT_TRUE(heard.end) << what;
    EXPECT_EQ(played(ByteKind::kInject), 1u) << what;
  }
}

TEST_F(ByteProxyTest, FragmentsWithPingsBetweenThemAreOneMessage) {
  std::string bytes;
  std::string whole;
  for (int i = 0; i < 200; ++i) {
    const std::string part(500, static_cast<char>('a' + i % 26));
    whole += part;
    bytes += bytes_of({.opcode = static_cast<std::uint8_t>(i == 0 ? 1 : 0), .payload = part, .final = i == 199});
    if (i % 10 == 0) {
      bytes += bytes_of({.opcode = 9, .payload = "still there?"});
    }
  }
  const Heard heard = hear(with({.kind = ByteKind::kInject, .in_frame = 2, .bytes = std::move(bytes)}), 2);

  EXPECT_THAT(heard.messages, ElementsAre("message 1", whole, "message 2"));
  EXPECT_EQ(heard.end->code, net::kCloseNormal);
}

TEST_F(ByteProxyTest, WhatIsToBeInjectedByTimeWaitsForTheEndOfAFrame) {
  BytePlan plan = with({.kind = ByteKind::kInject, .after = 10ms, .bytes = bytes_of({.payload = "injected"})});
  plan.to_client.piece_bytes = 1;
  const Heard heard = hear(plan, 20);

  EXPECT_THAT(heard.messages, SizeIs(21));
  EXPECT_THAT(heard.messages, Contains("injected"));
}

TEST_F(ByteProxyTest, AServerThatIsNotThereIsAReset) {
  std::uint16_t port = 0;
  {
    net::WebSocketServer server(loop_);
    port = server.port();
  }
  std::string what;
  loop_.run([](EventLoop& loop, std::uint16_t nobody, std::string& into) -> Task<> {
    ByteProxy proxy(loop, nobody, nullptr);
    std::string url = proxy.url("ws://127.0.0.1:1/path");
    try {
      co_await net::connect_websocket(loop, url);
    } catch (const Error& error) {
      into = error.what();
    }
  }(loop_, port, what));

  EXPECT_THAT(what, HasSubstr("/path"));
}

TEST(ByteProxyOptionsTest, AVirtualLoopHasNoSockets) {
  VirtualLoop loop;
  try {
    ByteProxy proxy(loop, 1, nullptr);
    ADD_FAILURE() << "it was made";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kInvalidArgument);
    EXPECT_THAT(error.what(), HasSubstr("a VirtualLoop has none"));
  }
}

TEST(RawFrameTest, HasTheLengthsOfTheProtocol) {
  EXPECT_EQ(bytes_of({.payload = "ab"}),
            "\x81\x02"
            "ab");
  EXPECT_EQ(bytes_of({.opcode = 0, .payload = "ab", .final = false}), std::string("\x00\x02"
                                                                                  "ab",
                                                                                  4));
  EXPECT_EQ(bytes_of({.payload = "ab", .reserved = 4, .masked = true}), std::string("\xc1\x82\0\0\0\0"
                                                                                    "ab",
                                                                                    8));
  EXPECT_EQ(bytes_of({.opcode = 2, .payload = std::string(300, 'x')}).substr(0, 4), std::string("\x82\x7e\x01\x2c", 4));
  EXPECT_EQ(bytes_of({.payload = std::string(65536, 'x')}).substr(0, 10),
            std::string("\x81\x7f\0\0\0\0\0\x01\0\0", 10));
}

TEST(ByteKindTest, EachHasItsName) {
  EXPECT_EQ(to_string(ByteKind::kReset), "reset");
  EXPECT_EQ(to_string(ByteKind::kInject), "inject");
}

double processor_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

// As long as it lives, the process can open nothing more.
class NoDescriptorLeft {
 public:
  NoDescriptorLeft() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest_free = ::dup(STDERR_FILENO);
    ::close(lowest_free);
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(lowest_free);
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptorLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptorLeft(const NoDescriptorLeft&) = delete;
  NoDescriptorLeft& operator=(const NoDescriptorLeft&) = delete;

 private:
  rlimit before_{};
};

TEST_F(ByteProxyTest, WithoutADescriptorAClientWaitsForOne) {
  loop_.run([](UvLoop& loop) -> Task<> {
    const net::WebSocketServer server(loop);
    const ByteProxy proxy(loop, server.port(), {});
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(proxy.port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    {
      const NoDescriptorLeft none;
      EXPECT_EQ(::connect(client, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
      const double before = processor_seconds();
      co_await sleep_for(400ms);
      EXPECT_EQ(proxy.connections(), 0u);
      EXPECT_LT(processor_seconds() - before, 0.2);
    }
    const Instant until = loop.now() + 20s;
    while (proxy.open_connections() == 0 && loop.now() < until) {
      co_await sleep_for(1ms);
    }
    EXPECT_EQ(proxy.open_connections(), 1u);
    ::close(client);
    while (proxy.open_connections() > 0 && loop.now() < until) {
      co_await sleep_for(1ms);
    }
    EXPECT_EQ(proxy.open_connections(), 0u);
  }(loop_));
}

// libuv writes to a connection that was reset as to a pipe.
TEST_F(ByteProxyTest, AWriteToAConnectionThatIsGoneDoesNotEndTheProcess) {
  std::signal(SIGPIPE, SIG_DFL);
  loop_.run([](UvLoop& loop) -> Task<> {
    const net::WebSocketServer server(loop);
    const ByteProxy proxy(loop, server.port(), {});
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(proxy.port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(client, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
    const Instant until = loop.now() + 20s;
    while (proxy.open_connections() == 0 && loop.now() < until) {
      co_await sleep_for(1ms);
    }
    ::close(client);
    while (proxy.open_connections() > 0 && loop.now() < until) {
      co_await sleep_for(1ms);
    }
  }(loop_));

  struct sigaction current {};
  ASSERT_EQ(sigaction(SIGPIPE, nullptr, &current), 0);
  EXPECT_EQ(current.sa_handler, SIG_IGN);
}

}  // namespace
}  // namespace soak::fault

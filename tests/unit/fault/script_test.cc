// SPDX-License-Identifier: Apache-2.0
// What a client sees of each fault, in memory and over loopback.

#include "soak/fault/script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "soak/event_loop.h"
#include "soak/net/websocket_client.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"

namespace soak::fault {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::SizeIs;

// A client, and a server that says "1", "2", ... ten milliseconds apart, until its connection ends.
template <typename Loop>
class ScriptTest : public testing::Test {
 protected:
  struct Heard {
    std::vector<std::string> messages;
    net::CloseStatus end;
  };

  // What the client hears of so many messages.
  Heard hear(Script& script, int messages, net::ConnectOptions options = net::ConnectOptions()) {
    net::ServerOptions server_options;
    server_options.on_handshake = [this, &script](const net::HandshakeRequest& request) {
      if (vanished_) {
        script.answer(*vanished_, net::accept_any(*vanished_));
      }
      return script.answer(request, net::accept_any(request));
    };
    net::WebSocketServer server(loop_, server_options);
    Heard heard;
    TaskGroup group(loop_);
    loop_.run([](EventLoop& loop, net::WebSocketServer& own, TaskGroup& tasks, Script& own_script, int count,
                 net::ConnectOptions with, Heard& into) -> Task<> {
      tasks.start("server", serve(loop, own, own_script, count));
      std::string url = own.url();
      std::unique_ptr<net::WebSocket> client = co_await net::connect_websocket(loop, url, with);
      try {
        for (;;) {
          net::Message message = co_await client->receive();
          into.messages.push_back(std::move(message.data));
        }
      } catch (const net::ConnectionClosed& closed) {
        into.end = closed.status();
      }
      client.reset();
      co_await drain(tasks);
    }(loop_, server, group, script, messages, options, heard));
    EXPECT_EQ(server.open_connections(), 0u);
    return heard;
  }

  static Task<> serve(EventLoop& loop, net::WebSocketServer& server, Script& script, int messages) {
    net::AcceptedWebSocket accepted = co_await server.accept();
    std::unique_ptr<net::WebSocket> socket = script.wrap(loop, accepted.request, std::move(accepted.socket));
    try {
      for (int i = 1; i <= messages; ++i) {
        co_await sleep_for(10ms);
        std::string text = std::to_string(i);
        co_await socket->send_text(std::move(text));
      }
      co_await socket->close();
    } catch (const net::ConnectionClosed&) {
    }
  }

  Loop loop_;
  std::optional<net::HandshakeRequest> vanished_;  // Before each handshake, that of a client which is never accepted.
};

using Loops = testing::Types<UvLoop, VirtualLoop>;
struct LoopNames {
  template <typename Loop>
  static std::string GetName(int) {
    return std::is_same_v<Loop, UvLoop> ? "Real" : "Memory";
  }
};
TYPED_TEST_SUITE(ScriptTest, Loops, LoopNames);

Script::Plan only(const Fault& fault) {
  return [fault](std::uint64_t) { return std::vector<Fault>{fault}; };
}

TYPED_TEST(ScriptTest, WithoutFaultsNothingIsChanged) {
  Script script;
  const auto heard = this->hear(script, 3);

  EXPECT_THAT(heard.messages, ElementsAre("1", "2", "3"));
  EXPECT_EQ(heard.end.code, net::kCloseNormal);
  EXPECT_EQ(script.connections(), 1u);
}

TYPED_TEST(ScriptTest, AResetEndsTheConnectionWithoutACloseFrame) {
  Script script(only({.kind = Kind::kReset, .after = 25ms}));
  const auto heard = this->hear(script, 100);

  EXPECT_LT(heard.messages.size(), 100u);
  EXPECT_EQ(heard.end.code, net::kCloseAbnormal);
  EXPECT_EQ(heard.end.by, net::CloseStatus::By::kLost);
  EXPECT_EQ(script.played(Kind::kReset), 1u);
}

TYPED_TEST(ScriptTest, ACloseSaysItsCodeAndReason) {
  Script script(only({.kind = Kind::kClose, .after = 25ms, .code = 1011, .reason = "overloaded"}));
  const auto heard = this->hear(script, 100);

  EXPECT_EQ(heard.end, net::CloseStatus(1011, "overloaded", net::CloseStatus::By::kPeer));
  EXPECT_EQ(script.played(Kind::kClose), 1u);
}

TYPED_TEST(ScriptTest, AHalfOpenConnectionAnswersNoPingAndLosesWhatIsSent) {
  Script script(only({.kind = Kind::kHalfOpen, .after = 25ms, .lasts = 200ms}));
  net::ConnectOptions options;
  options.ping_interval = 20ms;
  options.ping_timeout = 60ms;
  const auto heard = this->hear(script, 12, options);

  EXPECT_EQ(heard.end.by, net::CloseStatus::By::kLocal);
  EXPECT_THAT(heard.end.reason, testing::HasSubstr("ping timeout"));
  EXPECT_LT(heard.messages.size(), 12u);
  EXPECT_GT(script.messages_lost(), 0u);
  EXPECT_EQ(script.played(Kind::kHalfOpen), 1u);
}

TYPED_TEST(ScriptTest, AStalledReaderAnswersNoPingButIsHeard) {
  Script script(only({.kind = Kind::kStalledReader, .lasts = 5s}));
  net::ConnectOptions options;
  options.ping_interval = 20ms;
  options.ping_timeout = 500ms;
  const auto heard = this->hear(script, 1000, options);

  EXPECT_THAT(heard.end.reason, testing::HasSubstr("ping timeout"));
  EXPECT_THAT(heard.messages, testing::Contains("2"));
  EXPECT_EQ(script.messages_lost(), 0u);
}

TYPED_TEST(ScriptTest, WhatIsDelayedComesInOrder) {
  Script script(only({.kind = Kind::kDelay, .lasts = 35ms}));
  const Instant begun = this->loop_.now();
  const auto heard = this->hear(script, 3);

  EXPECT_THAT(heard.messages, ElementsAre("1", "2", "3"));
  EXPECT_GE(this->loop_.now() - begun, 35ms);
  EXPECT_EQ(script.played(Kind::kDelay), 1u);
}

TYPED_TEST(ScriptTest, MessagesAreCutShortSwappedAndAddedTo) {
  Script script([](std::uint64_t) {
    return std::vector<Fault>{{.kind = Kind::kUnknown},
                              {.kind = Kind::kNotJson},
                              {.kind = Kind::kOversized, .bytes = 100'000},
                              {.kind = Kind::kOutOfOrder}};
  });
  const auto heard = this->hear(script, 3);

  ASSERT_THAT(heard.messages, SizeIs(6));
  EXPECT_EQ(heard.messages[0], R"({"type":"soak.unknown","soakUnknown":""})");
  EXPECT_EQ(heard.messages[1], R"({"type": )");
  EXPECT_THAT(heard.messages[2], SizeIs(100'000));
  EXPECT_THAT((std::vector<std::string>(heard.messages.begin() + 3, heard.messages.end())), ElementsAre("2", "1", "3"));

  Script cutting(only({.kind = Kind::kCutShort}));
  EXPECT_THAT(this->hear(cutting, 2).messages, ElementsAre("", "2"));
  EXPECT_EQ(cutting.played(Kind::kCutShort), 1u);
}

// A client on libwebsockets takes the frame, as include/soak/fault/script.h says; one that is strict refuses it.
TYPED_TEST(ScriptTest, AMaskedFrameIsRefusedByAStrictClient) {
  Script script(only({.kind = Kind::kMaskedFrame}));
  const auto heard = this->hear(script, 3);

  EXPECT_EQ(script.played(Kind::kMaskedFrame), 1u);
  if (this->loop_.is_virtual()) {
    EXPECT_THAT(heard.messages, testing::IsEmpty());
    EXPECT_EQ(heard.end,
              net::CloseStatus(net::kCloseProtocolError, "a server's frame with a mask", net::CloseStatus::By::kLocal));
  } else {
    EXPECT_THAT(heard.messages, ElementsAre(R"({"type":"soak.unknown","soakUnknown":""})", "1", "2", "3"));
  }
}

TYPED_TEST(ScriptTest, ABurstOfPingsDisturbsNoMessage) {
  Script script(only({.kind = Kind::kPingBurst, .after = 15ms, .pings = 200}));
  const auto heard = this->hear(script, 3);

  EXPECT_THAT(heard.messages, ElementsAre("1", "2", "3"));
  EXPECT_EQ(heard.end.code, net::kCloseNormal);
  EXPECT_EQ(script.played(Kind::kPingBurst), 1u);
}

TYPED_TEST(ScriptTest, ACloseWithAMessageBringsBoth) {
  Script script(only({.kind = Kind::kCloseWithMessage, .after = 25ms, .code = 1012, .reason = "restart"}));
  const auto heard = this->hear(script, 100);

  ASSERT_THAT(heard.messages, testing::Not(testing::IsEmpty()));
  EXPECT_EQ(heard.messages.back(), R"({"type":"soak.unknown","soakUnknown":""})");
  // libwebsockets turns 1012 into 1002, as include/soak/net/websocket.h says.
  EXPECT_EQ(heard.end, net::CloseStatus(this->loop_.is_virtual() ? 1012 : net::kCloseProtocolError, "restart",
                                        net::CloseStatus::By::kPeer));
  EXPECT_EQ(script.played(Kind::kCloseWithMessage), 1u);
}

// The server's end has closed as if by close(): it awaits the client's answer, and what it sends later throws.
TYPED_TEST(ScriptTest, ACloseWithAMessageClosesTheServersEnd) {
  Script script(only({.kind = Kind::kCloseWithMessage, .code = 1011, .reason = "overloaded"}));
  net::WebSocketServer server(this->loop_);
  net::CloseStatus seen;
  this->loop_.run([](EventLoop& loop, net::WebSocketServer& own, Script& own_script, net::CloseStatus& into) -> Task<> {
    std::string url = own.url();
    std::unique_ptr<net::WebSocket> client = co_await net::connect_websocket(loop, url);
    net::AcceptedWebSocket accepted = co_await own.accept();
    std::unique_ptr<net::WebSocket> served = own_script.wrap(loop, accepted.request, std::move(accepted.socket));
    const net::Message message = co_await client->receive();
    EXPECT_FALSE(served->is_open());
    try {
      co_await served->receive();
      ADD_FAILURE();
    } catch (const net::ConnectionClosed& closed) {
      into = closed.status();
    }
    std::string late = "late";
    bool refused = false;
    try {
      co_await served->send_text(std::move(late));
    } catch (const net::ConnectionClosed&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
    served.reset();
  }(this->loop_, server, script, seen));

  EXPECT_EQ(seen, net::CloseStatus(1011, "overloaded", net::CloseStatus::By::kLocal));
}

TEST(ScriptNamesTest, EachKindIsFoundByItsName) {
  for (std::size_t i = 0; i < kKinds; ++i) {
    const auto kind = static_cast<Kind>(i);
    EXPECT_EQ(kind_named(to_string(kind)), kind);
  }
  EXPECT_EQ(kind_named("?"), std::nullopt);
  EXPECT_EQ(kind_named(""), std::nullopt);
}

TYPED_TEST(ScriptTest, AHandshakeIsRefusedWithStatusBodyAndRetryAfter) {
  const Fault refusal{.kind = Kind::kRefused, .status = 429, .body = R"({"error":"busy"})", .retry_after = 7s};
  Script script([&refusal](std::uint64_t connection) {
    return connection < 3 ? std::vector<Fault>{refusal} : std::vector<Fault>{{.kind = Kind::kUnknown}};
  });
  for (int i = 0; i < 2; ++i) {
    try {
      this->hear(script, 1);
      ADD_FAILURE() << "it was not refused";
    } catch (const net::HandshakeRefused& refused) {
      EXPECT_EQ(refused.status(), 429);
      EXPECT_EQ(refused.body(), R"({"error":"busy"})");
      EXPECT_EQ(refused.headers().get("Retry-After"), "7");
    }
  }
  const auto heard = this->hear(script, 1);

  EXPECT_THAT(heard.messages, SizeIs(2));  // The plan of the third.
  EXPECT_EQ(script.played(Kind::kRefused), 2u);
  EXPECT_EQ(script.connections(), 3u);
}

// A client that goes between its handshake and the acceptance takes its plan along.
TYPED_TEST(ScriptTest, APlanBelongsToTheConnectionForWhichItWasMade) {
  Script script([](std::uint64_t connection) {
    std::vector<Fault> plan;
    if (connection % 2 == 1) {
      plan.push_back({.kind = Kind::kReset});
    }
    return plan;
  });
  this->vanished_.emplace().peer_address = "192.0.2.1:1";
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(this->hear(script, 3).messages, ElementsAre("1", "2", "3"));
  }

  EXPECT_EQ(script.played(Kind::kReset), 0u);
  EXPECT_EQ(script.connections(), 6u);
}

// What had no message to strike is not said to have been played.
TYPED_TEST(ScriptTest, AFaultThatFoundNoMessageWasNotPlayed) {
  Script script([](std::uint64_t) {
    return std::vector<Fault>{{.kind = Kind::kCutShort}, {.kind = Kind::kReset}, {.kind = Kind::kOutOfOrder}};
  });
  this->hear(script, 3);

  EXPECT_EQ(script.played(Kind::kReset), 1u);
  EXPECT_EQ(script.played(Kind::kCutShort), 0u);
  EXPECT_EQ(script.played(Kind::kOutOfOrder), 0u);
}

TYPED_TEST(ScriptTest, AllConnectionsCanBeResetAtOneInstant) {
  Script script;
  net::WebSocketServer server(this->loop_);
  std::vector<net::CloseStatus> ends;
  this->loop_.run([](EventLoop& loop, net::WebSocketServer& own, Script& own_script,
                     std::vector<net::CloseStatus>& into) -> Task<> {
    std::vector<std::unique_ptr<net::WebSocket>> clients;
    std::vector<std::unique_ptr<net::WebSocket>> served;
    for (int i = 0; i < 5; ++i) {
      std::string url = own.url();
      std::unique_ptr<net::WebSocket> client = co_await net::connect_websocket(loop, url);
      net::AcceptedWebSocket accepted = co_await own.accept();
      served.push_back(own_script.wrap(loop, accepted.request, std::move(accepted.socket)));
      clients.push_back(std::move(client));
    }
    own_script.play_on_all({.kind = Kind::kReset});
    for (auto& client : clients) {
      try {
        co_await client->receive();
      } catch (const net::ConnectionClosed& closed) {
        into.push_back(closed.status());
      }
    }
    for (auto& socket : served) {
      EXPECT_EQ(socket->close_status()->by, net::CloseStatus::By::kLost);
    }
  }(this->loop_, server, script, ends));

  EXPECT_THAT(ends, SizeIs(5));
  EXPECT_THAT(ends, testing::Each(testing::Field(&net::CloseStatus::code, net::kCloseAbnormal)));
  EXPECT_EQ(script.played(Kind::kReset), 5u);
}

// As WebSocket promises: its owner may drop it from anywhere.
TYPED_TEST(ScriptTest, ASocketMayGoWhileItIsReceivedFrom) {
  Script script;
  net::WebSocketServer server(this->loop_);
  this->loop_.run([](EventLoop& loop, net::WebSocketServer& own, Script& own_script) -> Task<> {
    std::string url = own.url();
    std::unique_ptr<net::WebSocket> client = co_await net::connect_websocket(loop, url);
    net::AcceptedWebSocket accepted = co_await own.accept();
    std::unique_ptr<net::WebSocket> socket = own_script.wrap(loop, accepted.request, std::move(accepted.socket));
    TaskGroup group(loop);
    bool ended = false;
    group.start("receive", [](Task<net::Message> receiving, bool& told) -> Task<> {
      try {
        co_await std::move(receiving);
      } catch (const net::ConnectionClosed&) {
        told = true;
      }
    }(socket->receive(), ended));
    co_await yield();
    socket.reset();
    co_await drain(group);
    EXPECT_TRUE(ended);
  }(this->loop_, server, script));
}

TEST(FaultKindTest, EachHasItsName) {
  EXPECT_EQ(to_string(Kind::kReset), "reset");
  EXPECT_EQ(to_string(Kind::kHalfOpen), "half_open");
  EXPECT_EQ(to_string(Kind::kNotJson), "not_json");
}

}  // namespace
}  // namespace soak::fault

// SPDX-License-Identifier: Apache-2.0
// What the clients make of broken bytes, by way of a proxy between them and their fakes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "soak/backoff.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/fault/byte_proxy.h"
#include "soak/task.h"
#include "tests/unit/voice/providers.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using fault::ByteFault;
using fault::ByteKind;
using fault::BytePlan;
using fault::bytes_of;
using fault::RawFrame;

constexpr std::array<std::byte, 4800> kFrame{};  // 100 ms, or more: a turn.
constexpr std::chrono::nanoseconds kScenarioMax = 20s;

template <typename Provider>
class ByteFaultsTest : public testing::Test {
 protected:
  using Client = typename Provider::Client;
  using Options = typename Provider::ClientOptions;
  using Plan = fault::ByteProxy::Plan;

  ByteFaultsTest() { options_.backoff = BackoffOptions{.initial = 10ms, .max = 20ms}; }

  // Runs `use` on a client that reaches its fake by a proxy with `plan`.
  void run(const Plan& plan, const std::function<Task<>(Client&)>& use) {
    loop_.run([](ByteFaultsTest& test, const Plan& own_plan, const std::function<Task<>(Client&)>& own) -> Task<> {
      typename Provider::FakeOptions peer_options;
      peer_options.response_audio = 100ms;
      peer_options.pace = std::numeric_limits<double>::infinity();
      typename Provider::Fake peer(test.loop_, peer_options);
      fault::ByteProxy proxy(test.loop_, peer.port(), own_plan);
      test.proxy_ = &proxy;
      test.options_.url = proxy.url(peer.url());
      {
        Client client(test.loop_, test.options_);
        Task<> using_it = own(client);
        co_await std::move(using_it);
        co_await client.close();
        test.frames_sent_ = client.counters().frames_sent;
        test.frames_lost_ = client.counters().frames_lost;
        test.frames_unconfirmed_ = client.counters().frames_unconfirmed;
      }
      // Nothing is left at either end, nor between them.
      const Instant until = test.loop_.now() + kScenarioMax;
      while ((peer.ledger().sessions_open > 0 || proxy.open_connections() > 0) && test.loop_.now() < until) {
        co_await sleep_for(1ms);
      }
      EXPECT_EQ(peer.ledger().sessions_open, 0u);
      EXPECT_EQ(proxy.open_connections(), 0u);
      EXPECT_LE(peer.ledger().audio_frames_received + test.frames_lost_, test.frames_sent_);
      EXPECT_GE(peer.ledger().audio_frames_received + test.frames_lost_ + test.frames_unconfirmed_, test.frames_sent_);
      for (std::size_t kind = 0; kind < fault::kByteKinds; ++kind) {
        test.played_.at(kind) = proxy.played(static_cast<ByteKind>(kind));
      }
      test.proxy_ = nullptr;
    }(*this, plan, use));
  }

  // Speaks, in turns of a few frames, until `enough`.
  Task<> speak_until(Client& client, std::function<bool()> enough) {
    const Instant until = loop_.now() + kScenarioMax;
    for (int frames = 1; !enough() && loop_.now() < until; ++frames) {
      co_await client.send_audio(kFrame);
      if (frames % 4 == 0) {
        co_await client.end_turn();
      }
      co_await sleep_for(2ms);
    }
    EXPECT_TRUE(enough());
  }

  // The first connection suffers `fault`, and no other does.
  static Plan once(ByteFault fault) {
    return [fault = std::move(fault)](std::uint64_t connection) {
      BytePlan plan;
      if (connection == 1) {
        plan.faults.push_back(fault);
      }
      return plan;
    };
  }

  // The client survives `fault` in its first connection by opening another.
  void expect_recovery(ByteFault fault) {
    const ByteKind kind = fault.kind;
    run(once(std::move(fault)), [this](Client& client) -> Task<> {
      co_await client.connect();
      Task<> speaking = speak_until(
          client, [&client] { return client.counters().recoveries == 1 && client.counters().responses_done > 1; });
      co_await std::move(speaking);
      EXPECT_EQ(client.counters().sessions, 2u);
    });
    EXPECT_EQ(played_.at(static_cast<std::size_t>(kind)), 1u);
  }

  UvLoop loop_;
  Options options_;
  fault::ByteProxy* proxy_ = nullptr;  // While run() runs.
  std::array<std::uint64_t, fault::kByteKinds> played_{};
  std::uint64_t frames_sent_ = 0;
  std::uint64_t frames_lost_ = 0;
  std::uint64_t frames_unconfirmed_ = 0;
};
TYPED_TEST_SUITE(ByteFaultsTest, Providers, ProviderNames);

TYPED_TEST(ByteFaultsTest, HandshakeAndMessagesInPiecesAreUnderstood) {
  const auto in_pieces = [](std::uint64_t) {
    BytePlan plan;
    plan.to_client.piece_bytes = 3;
    plan.to_server.piece_bytes = 500;
    return plan;
  };
  this->run(in_pieces, [this](auto& client) -> Task<> {
    co_await client.connect();
    Task<> speaking = this->speak_until(client, [&client] { return client.counters().responses_done == 1; });
    co_await std::move(speaking);
    EXPECT_EQ(client.counters().invalid_events, 0u);
    EXPECT_EQ(client.counters().unknown_events, 0u);
    EXPECT_EQ(client.counters().audio_bytes_received, 4800u);
    EXPECT_EQ(client.counters().recoveries, 0u);
  });
  EXPECT_EQ(this->frames_lost_ + this->frames_unconfirmed_, 0u);
}

TYPED_TEST(ByteFaultsTest, AResetInTheMiddleOfAMessageIsRecoveredFrom) {
  this->expect_recovery({.kind = ByteKind::kReset, .in_frame = 5});
}

TYPED_TEST(ByteFaultsTest, AnEndInTheMiddleOfAMessageIsRecoveredFrom) {
  this->expect_recovery({.kind = ByteKind::kCut, .in_frame = 5});
}

TYPED_TEST(ByteFaultsTest, AHalfOpenConnectionIsNoticedAndReplaced) {
  this->options_.ping_interval = 100ms;
  this->options_.ping_timeout = 800ms;
  this->expect_recovery({.kind = ByteKind::kHalfOpen, .in_frame = 5, .lasts = 2s});
}

TYPED_TEST(ByteFaultsTest, AHandshakeThatBreaksOffFailsToConnect) {
  const auto breaking_off = [](std::uint64_t connection) {
    BytePlan plan;
    plan.faults.push_back({.kind = connection == 1 ? ByteKind::kReset : ByteKind::kCut, .in_frame = 0});
    return plan;
  };
  this->run(breaking_off, [this](auto& client) -> Task<> {
    for (int i = 0; i < 2; ++i) {
      try {
        co_await client.connect();
        ADD_FAILURE() << "it connected";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::kConnectFailed) << error.what();
      }
    }
    EXPECT_EQ(this->proxy_->connections(), 2u);
    EXPECT_EQ(client.counters().sessions, 0u);
  });
}

TYPED_TEST(ByteFaultsTest, AHandshakeThatBreaksOffIsTriedAgainInARecovery) {
  const auto plan = [](std::uint64_t connection) {
    BytePlan breaking;
    if (connection == 1) {
      breaking.faults.push_back({.kind = ByteKind::kReset, .in_frame = 5});
    }
    if (connection == 2 || connection == 3) {
      breaking.faults.push_back({.kind = ByteKind::kCut, .in_frame = 0});
    }
    return breaking;
  };
  this->run(plan, [this](auto& client) -> Task<> {
    co_await client.connect();
    Task<> speaking = this->speak_until(client, [&client] { return client.counters().recoveries == 1; });
    co_await std::move(speaking);
    EXPECT_EQ(this->proxy_->connections(), 4u);
  });
}

TYPED_TEST(ByteFaultsTest, FramesThatAreNoneEndTheConnectionAndAreRecoveredFrom) {
  const std::vector<RawFrame> wrong = {{.opcode = 3, .payload = "what"},
                                       {.payload = "{\"type\":\"\xc3\x28\"}"},
                                       {.payload = "{}", .reserved = 4},
                                       {.opcode = 9, .payload = "what", .final = false},
                                       {.opcode = 0, .payload = "what"}};
  for (const RawFrame& frame : wrong) {
    SCOPED_TRACE(frame.opcode);
    this->expect_recovery({.kind = ByteKind::kInject, .in_frame = 5, .bytes = bytes_of(frame)});
  }
}

// Row after row of fragments, with pings between them: one message, which the client does not know.
TYPED_TEST(ByteFaultsTest, AMessageInManyFragmentsWithPingsBetweenIsOneMessage) {
  const std::string message = R"({"soakUnknown":")" + std::string(100'000, 'x') + R"(","type":"soak.unknown"})";
  std::string bytes;
  for (std::size_t at = 0; at < message.size(); at += 100) {
    const std::uint8_t opcode = at == 0 ? 1 : 0;
    bytes += bytes_of({.opcode = opcode, .payload = message.substr(at, 100), .final = at + 100 >= message.size()});
    bytes += bytes_of({.opcode = 9, .payload = "still there?"});
  }
  this->run(this->once({.kind = ByteKind::kInject, .in_frame = 5, .bytes = bytes}), [this](auto& client) -> Task<> {
    co_await client.connect();
    Task<> speaking = this->speak_until(
        client, [&client] { return client.counters().unknown_events == 1 && client.counters().responses_done == 2; });
    co_await std::move(speaking);
    EXPECT_EQ(client.counters().invalid_events, 0u);
    EXPECT_EQ(client.counters().recoveries, 0u);
  });
}

// A message of ten megabytes is taken; one beyond the transport's sixteen ends the connection.
TYPED_TEST(ByteFaultsTest, ALargeMessageIsTakenAndOneThatIsTooLargeIsNot) {
  const auto large = [](std::size_t bytes) {
    return bytes_of({.payload = R"({"soakUnknown":")" + std::string(bytes, 'x') + R"(","type":"soak.unknown"})"});
  };
  this->run(this->once({.kind = ByteKind::kInject, .in_frame = 5, .bytes = large(std::size_t{10} << 20)}),
            [this](auto& client) -> Task<> {
              co_await client.connect();
              Task<> speaking = this->speak_until(client, [&client] { return client.counters().unknown_events == 1; });
              co_await std::move(speaking);
              EXPECT_EQ(client.counters().recoveries, 0u);
            });
  this->expect_recovery({.kind = ByteKind::kInject, .in_frame = 5, .bytes = large(std::size_t{17} << 20)});
}

}  // namespace
}  // namespace soak

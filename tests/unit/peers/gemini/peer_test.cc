// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "soak/error.h"
#include "tests/unit/peers/gemini/fixture.h"

namespace soak::peers {
namespace {

class GeminiPeerTest : public GeminiTest {};

TEST_F(GeminiPeerTest, UrlNamesThePathAndThePort) {
  const GeminiLivePeer peer(loop_);

  EXPECT_EQ(peer.url(), fmt::format("ws://127.0.0.1:{}/ws/google.ai.generativelanguage.v1beta.GenerativeService."
                                    "BidiGenerateContent",
                                    peer.port()));
}

TEST_F(GeminiPeerTest, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_THROW(GeminiLivePeer(loop_, {.delta_audio = 0ms}), Error);
  EXPECT_THROW(GeminiLivePeer(loop_, {.response_audio = -1s}), Error);
  EXPECT_THROW(GeminiLivePeer(loop_, {.pace = 0}), Error);
  EXPECT_THROW(GeminiLivePeer(loop_, {.connection_max = 0s}), Error);
  EXPECT_THROW(GeminiLivePeer(loop_, {.go_away_before = -1s}), Error);
  EXPECT_THROW(GeminiLivePeer(loop_, {.session_max = 0s}), Error);
}

TEST_F(GeminiPeerTest, SendsJsonInBinaryFramesOrInTextFrames) {
  for (const bool text : {false, true}) {
    GeminiLivePeer peer(loop_, {.text_frames = text});
    const net::Message message = loop_.run([](EventLoop& loop, GeminiLivePeer& own) -> Task<net::Message> {
      RawClient client = co_await dial_gemini(loop, own.url());
      std::string setup = setup_message();
      co_await client.say(std::move(setup));
      co_return co_await client.socket().receive();
    }(loop_, peer));

    EXPECT_EQ(message.is_text(), text);
    EXPECT_EQ(message.data, R"({"setupComplete":{}})");
  }
}

TEST_F(GeminiPeerTest, SameSeedGivesTheSameHandles) {
  std::string handles[3];
  const std::uint64_t seeds[3] = {7, 7, 8};
  for (int i = 0; i < 3; ++i) {
    GeminiLivePeer peer(loop_, {.seed = seeds[i]});
    loop_.run([](GeminiTest& test, GeminiLivePeer& own, std::string& handle) -> Task<> {
      co_await test.enter(own, kResumable, &handle);
    }(*this, peer, handles[i]));
  }

  EXPECT_EQ(handles[0], handles[1]);
  EXPECT_NE(handles[0], handles[2]);
}

TEST_F(GeminiPeerTest, LedgerTellsOpenClosedAndLostSessionsApart) {
  GeminiLivePeer peer(loop_);
  loop_.run(expect_sessions_told_apart(*this, peer));
}

TEST_F(GeminiPeerTest, ClientThatDoesNotReadHoldsUpNobodyElse) {
  // Far more than fits between the two ends of the first connection.
  GeminiLivePeer peer(loop_, {.response_audio = 500s, .pace = 500});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    RawClient deaf = co_await test.enter(own);
    RawClient other = co_await test.enter(own);
    co_await deaf.say(kAsk);
    co_await sleep_for(10s);
    const std::uint64_t sent = own.ledger().audio_bytes_sent;
    EXPECT_LT(sent, 500u * 48'000u);

    co_await other.say(kAsk);
    co_await hear_until(other, "turnComplete");

    EXPECT_EQ(own.ledger().audio_bytes_sent - sent, 500u * 48'000u);
  }(*this, peer));
}

TEST_F(GeminiPeerTest, DestructorEndsOpenSessionsWithoutACloseHandshake) {
  auto peer = std::make_unique<GeminiLivePeer>(loop_, GeminiLivePeerOptions{.response_audio = 60s});
  loop_.run([](GeminiTest& test, std::unique_ptr<GeminiLivePeer>& own) -> Task<> {
    RawClient idle = co_await test.enter(*own);
    RawClient talking = co_await test.enter(*own);
    co_await talking.say(kAsk);
    co_await hear_until(talking, "audio");

    own.reset();

    const Heard end_of_idle = co_await idle.hear();
    const std::vector<Heard> end_of_talking = co_await hear_until(talking, "(end)");
    EXPECT_EQ(end_of_idle.status().code, net::kCloseAbnormal);
    EXPECT_EQ(end_of_talking.back().status().code, net::kCloseAbnormal);
  }(*this, peer));

  EXPECT_EQ(loop_.live_tasks(), 0u);
}

TEST_F(GeminiPeerTest, CloseEndsEveryConnectionWith1001) {
  GeminiLivePeer peer(loop_, {.response_audio = 60s});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    RawClient idle = co_await test.enter(own);
    RawClient talking = co_await test.enter(own);
    co_await talking.say(kAsk);
    co_await hear_until(talking, "audio");

    co_await own.close();

    const Heard end_of_idle = co_await idle.hear();
    const std::vector<Heard> end_of_talking = co_await hear_until(talking, "(end)");
    EXPECT_EQ(end_of_idle.status().code, net::kCloseGoingAway);
    EXPECT_EQ(end_of_talking.back().status().code, net::kCloseGoingAway);
    EXPECT_EQ(own.ledger().sessions_open, 0u);
    EXPECT_EQ(own.ledger().sessions_lost, 0u);
  }(*this, peer));
}

// The same over loopback.
class GeminiPeerOverLoopbackTest : public testing::Test {
 public:
  UvLoop loop_;
};

TEST_F(GeminiPeerOverLoopbackTest, PlaysASession) {
  GeminiLivePeer peer(loop_, {.response_audio = 200ms, .pace = 100});
  loop_.run([](EventLoop& loop, GeminiLivePeer& own) -> Task<> {
    RawClient client = co_await dial_gemini(loop, own.url());
    std::string setup = setup_message(kByHand);
    co_await client.say(std::move(setup));
    const net::Message complete = co_await client.socket().receive();
    co_await client.say(kStart);
    for (int i = 0; i < 100; ++i) {
      co_await client.say(audio_message(1280));
    }
    co_await client.say(kEnd);
    const std::vector<Heard> heard = co_await hear_until(client, "turnComplete");
    co_await client.socket().close();

    EXPECT_FALSE(complete.is_text());
    EXPECT_EQ(complete.data, R"({"setupComplete":{}})");
    EXPECT_EQ(about(heard.back()), "turnComplete");
    EXPECT_EQ(own.ledger().audio_frames_received, 100u);
  }(loop_, peer));
}

TEST_F(GeminiPeerOverLoopbackTest, ClosesWithCodeAndReason) {
  GeminiLivePeer peer(loop_, {.connection_max = 200ms, .go_away_before = 100ms});
  loop_.run([](EventLoop& loop, GeminiLivePeer& own) -> Task<> {
    RawClient wrong = co_await dial_gemini(loop, own.url());
    const Heard refused = co_await wrong.ask("{}");
    RawClient old = co_await dial_gemini(loop, own.url());
    std::string setup = setup_message();
    co_await old.ask(std::move(setup));
    const Heard go_away = co_await old.hear();
    const Heard expired = co_await old.hear();

    EXPECT_EQ(refused.status().code, 1007);
    EXPECT_THAT(refused.status().reason, testing::StartsWith("Request contains an invalid argument."));
    EXPECT_EQ(refused.status().reason.size(), 123u);
    EXPECT_EQ(about(go_away), "goAway");
    EXPECT_EQ(expired.status().code, 1011);
    EXPECT_EQ(expired.status().reason, "Deadline expired before operation could complete.");
  }(loop_, peer));
}

}  // namespace
}  // namespace soak::peers

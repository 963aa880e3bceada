// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "soak/error.h"
#include "tests/unit/peers/openai/fixture.h"

namespace soak::peers {
namespace {

class OpenAiPeerTest : public OpenAiTest {};

TEST_F(OpenAiPeerTest, UrlNamesThePathAndThePort) {
  const OpenAiRealtimePeer peer(loop_);

  EXPECT_EQ(peer.url(), fmt::format("ws://127.0.0.1:{}/v1/realtime", peer.port()));
}

TEST_F(OpenAiPeerTest, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_THROW(OpenAiRealtimePeer(loop_, {.delta_audio = 0ms}), Error);
  EXPECT_THROW(OpenAiRealtimePeer(loop_, {.response_audio = -1s}), Error);
  EXPECT_THROW(OpenAiRealtimePeer(loop_, {.pace = 0}), Error);
  EXPECT_THROW(OpenAiRealtimePeer(loop_, {.session_max = 0s}), Error);
  EXPECT_THROW(OpenAiRealtimePeer(loop_, {.tokens_per_minute = -1}), Error);
}

TEST_F(OpenAiPeerTest, LedgerCountsAThousandAppends) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](OpenAiPeerTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    const std::string frame = append_event(1920);
    for (int i = 0; i < 1000; ++i) {
      co_await client.say(frame);
      co_await sleep_for(40ms);
    }
    co_await client.ask(R"({"type":"nonsense"})");
    co_await client.ask("no JSON");
  }(*this, peer));

  const OpenAiRealtimeLedger& ledger = peer.ledger();
  EXPECT_EQ(ledger.audio_frames_received, 1000u);
  EXPECT_EQ(ledger.audio_bytes_received, 1'920'000u);
  EXPECT_EQ(ledger.events_received, 1002u);
  EXPECT_EQ(ledger.events_by_type.at("input_audio_buffer.append"), 1000u);
  EXPECT_EQ(ledger.events_by_type.at(""), 2u);
  EXPECT_EQ(ledger.errors_sent, 2u);
  EXPECT_EQ(ledger.events_sent, 3u);
}

TEST_F(OpenAiPeerTest, LedgerTellsOpenClosedAndLostSessionsApart) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run(expect_sessions_told_apart(*this, peer));
}

TEST_F(OpenAiPeerTest, SessionsAreIndependent) {
  OpenAiRealtimePeer peer(loop_);
  loop_.run([](OpenAiPeerTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient one = co_await test.enter(own);
    RawClient two = co_await test.enter(own);
    co_await one.ask(R"({"type":"session.update","session":{"type":"realtime","instructions":"one"}})");
    co_await one.say(append_event(9600));
    co_await one.say(R"({"type":"response.create"})");

    const Heard config = co_await two.ask(R"({"type":"session.update","session":{"type":"realtime"}})");
    const Heard commit = co_await two.ask(R"({"type":"input_audio_buffer.commit"})");
    co_await two.say(R"({"type":"response.create"})");
    const Heard response = co_await two.hear();

    EXPECT_NE(config.get("session.instructions"), "one");
    EXPECT_EQ(commit.get("error.code"), "input_audio_buffer_commit_empty");
    EXPECT_EQ(response.type(), "response.created");
  }(*this, peer));
}

TEST_F(OpenAiPeerTest, ClientThatDoesNotReadHoldsUpNobodyElse) {
  // Far more than fits between the two ends of the first connection.
  OpenAiRealtimePeer peer(loop_, {.response_audio = 600s, .pace = 600});
  loop_.run([](OpenAiPeerTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient deaf = co_await test.enter(own);
    RawClient other = co_await test.enter(own);
    co_await deaf.say(R"({"type":"response.create"})");
    co_await sleep_for(10s);
    EXPECT_EQ(own.ledger().responses_done, 0u);
    const std::uint64_t sent = own.ledger().audio_bytes_sent;

    co_await other.say(R"({"type":"response.create"})");
    const std::vector<Heard> heard = co_await other.hear_until("response.done");

    EXPECT_EQ(heard.back().get("response.status"), "completed");
    EXPECT_EQ(own.ledger().audio_bytes_sent - sent, 600u * 48'000u);

    const std::vector<Heard> late = co_await deaf.hear_until("response.done");
    EXPECT_EQ(late.back().get("response.status"), "completed");
  }(*this, peer));
}

TEST_F(OpenAiPeerTest, DestructorEndsOpenSessionsWithoutACloseHandshake) {
  auto peer = std::make_unique<OpenAiRealtimePeer>(loop_, OpenAiRealtimePeerOptions{.response_audio = 60s});
  loop_.run([](OpenAiPeerTest& test, std::unique_ptr<OpenAiRealtimePeer>& own) -> Task<> {
    RawClient idle = co_await test.enter(*own);
    RawClient talking = co_await test.enter(*own);
    co_await talking.say(R"({"type":"response.create"})");
    co_await talking.hear_until("response.output_audio.delta");

    own.reset();

    const Heard end_of_idle = co_await idle.hear();
    const std::vector<Heard> end_of_talking = co_await talking.hear_until("(end)");
    EXPECT_EQ(end_of_idle.status().code, net::kCloseAbnormal);
    EXPECT_EQ(end_of_talking.back().status().code, net::kCloseAbnormal);
  }(*this, peer));

  EXPECT_EQ(loop_.live_tasks(), 0u);
}

TEST_F(OpenAiPeerTest, DestructorMayComeBeforeTheFirstTurn) {
  { const OpenAiRealtimePeer peer(loop_); }

  EXPECT_EQ(loop_.live_tasks(), 0u);
}

TEST_F(OpenAiPeerTest, CloseEndsEverySessionWith1001) {
  OpenAiRealtimePeer peer(loop_, {.response_audio = 60s});
  loop_.run([](OpenAiPeerTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient idle = co_await test.enter(own);
    RawClient talking = co_await test.enter(own);
    co_await talking.say(R"({"type":"response.create"})");
    co_await talking.hear_until("response.output_audio.delta");

    co_await own.close();

    const Heard end_of_idle = co_await idle.hear();
    const std::vector<Heard> end_of_talking = co_await talking.hear_until("(end)");
    EXPECT_EQ(end_of_idle.status().code, net::kCloseGoingAway);
    EXPECT_EQ(end_of_talking.back().status().code, net::kCloseGoingAway);
    EXPECT_EQ(own.ledger().sessions_open, 0u);
    EXPECT_EQ(own.ledger().sessions_closed, 2u);
    EXPECT_EQ(own.ledger().sessions_lost, 0u);

    bool refused = false;
    try {
      std::string url = own.url();
      co_await dial(test.loop_, url);
    } catch (const Error&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
    co_await own.close();  // Once more does no harm.
  }(*this, peer));
}

// The same over loopback.
class OpenAiPeerOverLoopbackTest : public testing::Test {
 public:
  UvLoop loop_;
};

TEST_F(OpenAiPeerOverLoopbackTest, PlaysASession) {
  OpenAiRealtimePeer peer(loop_, {.response_audio = 200ms, .pace = 100});
  loop_.run([](EventLoop& loop, OpenAiRealtimePeer& own) -> Task<> {
    std::string url = own.url() + "?model=gpt-realtime";
    RawClient client = co_await dial(loop, url);
    const Heard created = co_await client.hear();
    for (int i = 0; i < 100; ++i) {
      co_await client.say(append_event(1920));
    }
    co_await client.say(R"({"type":"input_audio_buffer.commit"})");
    co_await client.say(R"({"type":"response.create"})");
    const std::vector<Heard> heard = co_await client.hear_until("response.done");
    co_await client.socket().close();

    EXPECT_EQ(created.type(), "session.created");
    EXPECT_EQ(heard.front().type(), "input_audio_buffer.committed");
    EXPECT_EQ(heard.back().get("response.status"), "completed");
    EXPECT_EQ(own.ledger().audio_frames_received, 100u);
  }(loop_, peer));
}

TEST_F(OpenAiPeerOverLoopbackTest, RefusesABadKeyInBothShapes) {
  OpenAiRealtimePeer by_event(loop_, {.api_key = "sk-right"});
  OpenAiRealtimePeer by_status(loop_, {.api_key = "sk-right", .bad_key = BadKeyAnswer::kHttp401});
  loop_.run([](EventLoop& loop, OpenAiRealtimePeer& event_peer, OpenAiRealtimePeer& status_peer) -> Task<> {
    std::string url = event_peer.url() + "?model=m";
    RawClient client = co_await dial(loop, url, "sk-wrong");
    const Heard error = co_await client.hear();
    const Heard end = co_await client.hear();
    int status = 0;
    std::string body;
    try {
      std::string other_url = status_peer.url() + "?model=m";
      co_await dial(loop, other_url, "sk-wrong");
    } catch (const net::HandshakeRefused& refused) {
      status = refused.status();
      body = refused.body();
    }

    EXPECT_EQ(error.get("error.code"), "invalid_api_key");
    EXPECT_EQ(end.status().code, 3000);
    EXPECT_EQ(end.status().reason, "invalid_request_error.invalid_api_key");
    EXPECT_EQ(status, 401);
    EXPECT_THAT(body, testing::HasSubstr("invalid_api_key"));
  }(loop_, by_event, by_status));
}

TEST_F(OpenAiPeerOverLoopbackTest, DestructorEndsOpenSessions) {
  auto peer = std::make_unique<OpenAiRealtimePeer>(loop_, OpenAiRealtimePeerOptions{.response_audio = 60s});
  loop_.run([](EventLoop& loop, std::unique_ptr<OpenAiRealtimePeer>& own) -> Task<> {
    std::string url = own->url() + "?model=m";
    RawClient client = co_await dial(loop, url);
    co_await client.say(R"({"type":"response.create"})");
    co_await client.hear_until("response.output_audio.delta");

    own.reset();

    const std::vector<Heard> heard = co_await client.hear_until("(end)");
    EXPECT_EQ(heard.back().status().code, net::kCloseAbnormal);
  }(loop_, peer));
}

}  // namespace
}  // namespace soak::peers

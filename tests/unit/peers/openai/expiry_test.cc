// SPDX-License-Identifier: Apache-2.0
// How a session of the fake of OpenAI Realtime ends for its age.

#include <string>
#include <vector>

#include "tests/unit/peers/openai/fixture.h"

namespace soak::peers {
namespace {

class OpenAiExpiryTest : public OpenAiTest {
 public:
  // The error event and the close that end a session which says nothing, and how long it lived.
  struct Ending {
    Heard error;
    Heard close;
    std::chrono::nanoseconds after{};
  };

  Ending end_of_session(OpenAiRealtimePeer& peer) {
    return loop_.run([](OpenAiExpiryTest& test, OpenAiRealtimePeer& own) -> Task<Ending> {
      Ending ending;
      RawClient client = co_await test.enter(own);
      const Instant begun = test.loop_.now();
      ending.error = co_await client.hear();
      ending.close = co_await client.hear();
      ending.after = test.loop_.now() - begun;
      co_await sleep_for(1s);
      co_return ending;
    }(*this, peer));
  }
};

TEST_F(OpenAiExpiryTest, SessionEndsAfterAnHourWithAnErrorAndClose1001) {
  OpenAiRealtimePeer peer(loop_);

  const Ending ending = end_of_session(peer);

  EXPECT_EQ(ending.after, 1h);
  EXPECT_EQ(ending.error.get("error.type"), "invalid_request_error");
  EXPECT_EQ(ending.error.get("error.code"), "session_expired");
  EXPECT_EQ(ending.error.get("error.message"), "Your session hit the maximum duration of 60 minutes.");
  EXPECT_EQ(ending.error.get("error.event_id"), "null");
  EXPECT_EQ(ending.close.status().code, 1001);
  EXPECT_EQ(ending.close.status().reason, "Your session hit the maximum duration of 60 minutes.");
  EXPECT_EQ(peer.ledger().sessions_expired, 1u);
  EXPECT_EQ(peer.ledger().sessions_closed, 1u);
  EXPECT_EQ(peer.ledger().sessions_lost, 0u);
}

TEST_F(OpenAiExpiryTest, SessionMayBeShorterAndSaysSo) {
  OpenAiRealtimePeer peer(loop_, {.session_max = 90s});
  const auto now = std::chrono::floor<std::chrono::seconds>(loop_.wall_now()).time_since_epoch();

  const Heard created = loop_.run([](OpenAiRealtimePeer& own, EventLoop& loop) -> Task<Heard> {
    std::string url = own.url() + "?model=gpt-realtime";
    RawClient client = co_await dial(loop, url);
    co_return co_await client.hear();
  }(peer, loop_));
  const Ending ending = end_of_session(peer);

  EXPECT_EQ(created.get("session.expires_at"), std::to_string((now + 90s).count()));
  EXPECT_EQ(ending.after, 90s);
  EXPECT_EQ(ending.error.get("error.message"), "Your session hit the maximum duration of 90 seconds.");
}

TEST_F(OpenAiExpiryTest, ExpiryCutsAResponseShort) {
  OpenAiRealtimePeer peer(loop_, {.session_max = 10s, .response_audio = 60s, .pace = 1});
  const std::vector<Heard> heard =
      loop_.run([](OpenAiExpiryTest& test, OpenAiRealtimePeer& own) -> Task<std::vector<Heard>> {
        RawClient client = co_await test.enter(own);
        co_await client.say(R"({"type":"response.create"})");
        co_return co_await client.hear_until("(end)");
      }(*this, peer));

  ASSERT_GT(heard.size(), 100u);
  EXPECT_EQ(heard[heard.size() - 2].get("error.code"), "session_expired");
  EXPECT_EQ(heard.back().status().code, 1001);
  EXPECT_EQ(peer.ledger().responses_created, 1u);
  EXPECT_EQ(peer.ledger().responses_done, 0u);
}

TEST_F(OpenAiExpiryTest, SessionThatIsClosedInTimeDoesNotExpire) {
  OpenAiRealtimePeer peer(loop_, {.session_max = 10s});
  loop_.run([](OpenAiExpiryTest& test, OpenAiRealtimePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    co_await client.socket().close();
    co_await sleep_for(1min);
  }(*this, peer));

  EXPECT_EQ(peer.ledger().sessions_expired, 0u);
  EXPECT_EQ(peer.ledger().sessions_closed, 1u);
}

}  // namespace
}  // namespace soak::peers

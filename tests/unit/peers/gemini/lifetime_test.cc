// SPDX-License-Identifier: Apache-2.0
// How connections end, and how sessions go on after them.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/peers/gemini/fixture.h"

namespace soak::peers {
namespace {

using testing::ElementsAre;

class GeminiLifetimeTest : public GeminiTest {};

constexpr char kDeadline[] = "Deadline expired before operation could complete.";

TEST_F(GeminiLifetimeTest, GoAwayComesAMinuteBeforeTheEnd) {
  GeminiLivePeer peer(loop_);
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    const Heard go_away = co_await client.hear();
    const auto warned_at = test.loop_.elapsed();
    const Heard end = co_await client.hear();

    EXPECT_EQ(go_away.text(), R"({"goAway":{"timeLeft":"60s"}})");
    EXPECT_EQ(warned_at, 9min);
    EXPECT_EQ(test.loop_.elapsed(), 10min);
    EXPECT_EQ(end.status().code, 1011);
    EXPECT_EQ(end.status().reason, kDeadline);
  }(*this, peer));

  EXPECT_EQ(peer.ledger().go_aways_sent, 1u);
  EXPECT_EQ(peer.ledger().deadlines_expired, 1u);
}

TEST_F(GeminiLifetimeTest, GoAwaySaysWhatIsLeftWhereItCannotComeInTime) {
  GeminiLivePeer peer(loop_, {.connection_max = 1500ms, .go_away_before = 60s});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    const Heard go_away = co_await client.hear();

    EXPECT_EQ(go_away.get("goAway.timeLeft"), "1.500s");
  }(*this, peer));
}

TEST_F(GeminiLifetimeTest, GoAwayCanBeLeftOut) {
  GeminiLivePeer peer(loop_, {.connection_max = 10s, .go_away_before = 0s});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own);
    const Heard end = co_await client.hear();

    EXPECT_EQ(about(end), "(end)");
    EXPECT_EQ(end.status().reason, kDeadline);
  }(*this, peer));
}

TEST_F(GeminiLifetimeTest, AnswerGoesOnAfterTheGoAwayUnlessThePeerFallsSilent) {
  for (const bool silent : {false, true}) {
    GeminiLivePeer peer(loop_, {.response_audio = 20s,
                                .pace = 1,
                                .connection_max = 10s,
                                .go_away_before = 5s,
                                .silent_after_go_away = silent});
    loop_.run([](GeminiTest& test, GeminiLivePeer& own, bool expected) -> Task<> {
      RawClient client = co_await test.enter(own);
      co_await client.say(kAsk);
      co_await hear_until(client, "goAway");
      const std::vector<Heard> after = co_await hear_until(client, "(end)");

      EXPECT_EQ(after.size() == 1, expected);
      EXPECT_EQ(after.back().status().code, 1011);
    }(*this, peer, silent));
  }
}

TEST_F(GeminiLifetimeTest, ConnectionWithoutASetupEndsAsWell) {
  GeminiLivePeer peer(loop_, {.connection_max = 10s});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    RawClient client = co_await dial_gemini(test.loop_, own.url());
    const Heard end = co_await client.hear();

    EXPECT_EQ(about(end), "(end)");
    EXPECT_EQ(test.loop_.elapsed(), 10s);
    co_await sleep_for(1s);
    EXPECT_EQ(own.ledger().connections_refused, 1u);
    EXPECT_EQ(own.ledger().go_aways_sent, 0u);
  }(*this, peer));
}

TEST_F(GeminiLifetimeTest, HandlesComeAfterTheSetupAndAfterEachTurn) {
  GeminiLivePeer peer(loop_, {.response_audio = 100ms});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    std::string first;
    RawClient client = co_await test.enter(own, kResumable, &first);
    co_await client.say(kAsk);
    std::vector<Heard> heard = co_await hear_until(client, "turnComplete");
    heard.push_back(co_await client.hear());

    EXPECT_THAT(about(heard), ElementsAre("sessionResumptionUpdate", "audio", "generationComplete", "turnComplete",
                                          "sessionResumptionUpdate"));
    EXPECT_GT(first.size(), 20u);
    EXPECT_EQ(heard[0].get("sessionResumptionUpdate"), R"({"newHandle":"","resumable":false})");
    EXPECT_EQ(heard[4].get("sessionResumptionUpdate.resumable"), "true");
    EXPECT_NE(heard[4].get("sessionResumptionUpdate.newHandle"), first);
    EXPECT_EQ(own.ledger().handles_sent, 2u);
  }(*this, peer));
}

TEST_F(GeminiLifetimeTest, TransparentHandlesNameTheLastMessageTheyCover) {
  GeminiLivePeer peer(loop_, {.response_audio = 100ms});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own, R"("sessionResumption":{"transparent":true})");
    const Heard first = co_await client.hear();
    co_await client.say(audio_message(640));
    co_await client.say(kAsk);
    co_await hear_until(client, "turnComplete");
    const Heard second = co_await client.hear();

    EXPECT_EQ(first.get("sessionResumptionUpdate.lastConsumedClientMessageIndex"), "0");
    EXPECT_EQ(second.get("sessionResumptionUpdate.lastConsumedClientMessageIndex"), "2");
  }(*this, peer));
}

TEST_F(GeminiLifetimeTest, SessionGoesOnWhereItWas) {
  GeminiLivePeer peer(loop_, {.response_audio = 1s});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    std::string handle;
    RawClient first = co_await test.enter(own, kResumable, &handle);
    co_await first.say(kAsk);
    co_await hear_until(first, "turnComplete");
    const Heard update = co_await first.hear();
    const std::string newer = update.get("sessionResumptionUpdate.newHandle");
    co_await first.socket().close();
    co_await sleep_for(5min);

    RawClient second = co_await test.enter(own, resuming(newer), &handle);
    co_await second.say(kAsk);
    const std::vector<Heard> heard = co_await hear_until(second, "turnComplete");

    EXPECT_EQ(heard.back().get("usageMetadata.promptTokenCount"), "29");  // Both questions, and the first answer.
    EXPECT_EQ(heard.back().get("usageMetadata.promptTokensDetails"),
              R"([{"modality":"TEXT","tokenCount":4},{"modality":"AUDIO","tokenCount":25}])");
    EXPECT_EQ(own.ledger().sessions_resumed, 1u);
    EXPECT_EQ(own.ledger().sessions_opened, 2u);
  }(*this, peer));
}

// github.com/googleapis/js-genai, src/types.ts, has the first one come with an update of its own; it was seen about 100
// ms after setupComplete.
TEST_F(GeminiLifetimeTest, FirstHandleComesAMomentAfterTheSetup) {
  GeminiLivePeer peer(loop_);
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    RawClient client = co_await test.enter(own, kResumable);
    const Instant complete = test.loop_.now();
    const Heard update = co_await client.hear();

    EXPECT_EQ(about(update), "sessionResumptionUpdate");
    EXPECT_EQ(test.loop_.now() - complete, 100ms);
  }(*this, peer));
}

TEST_F(GeminiLifetimeTest, OlderHandlesAreGoodForAsLongAsTheirValidity) {
  GeminiLivePeer peer(loop_, {.response_audio = 100ms, .handle_validity = 3min});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    std::vector<std::string> handles(1);
    std::optional<RawClient> client = co_await test.enter(own, kResumable, handles.data());
    for (int i = 0; i < 3; ++i) {
      co_await sleep_for(1min);
      co_await client->say(kAsk);
      co_await hear_until(*client, "turnComplete");
      const Heard update = co_await client->hear();
      handles.push_back(update.get("sessionResumptionUpdate.newHandle"));
    }
    co_await client->socket().close();
    co_await sleep_for(1s);

    RawClient stale = co_await dial_gemini(test.loop_, own.url());
    std::string setup = setup_message(resuming(handles[0]));  // Three minutes old.
    const Heard refused = co_await stale.ask(std::move(setup));
    EXPECT_EQ(refused.status().code, 1008);
    EXPECT_EQ(refused.status().reason, "BidiGenerateContent session not found");
    for (std::size_t i = 1; i < handles.size(); ++i) {
      RawClient next = co_await test.enter(own, resuming(handles[i]));
      co_await next.socket().close();
      co_await sleep_for(1s);
    }
    EXPECT_EQ(own.ledger().resumptions_refused, 1u);
    EXPECT_EQ(own.ledger().sessions_resumed, 3u);
  }(*this, peer));
}

TEST_F(GeminiLifetimeTest, HandlesThatWereNeverGivenOutAreNotFound) {
  GeminiLivePeer peer(loop_, {.response_audio = 100ms});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    std::string handle;
    RawClient client = co_await test.enter(own, kResumable, &handle);
    co_await client.socket().close();
    co_await sleep_for(1s);
    for (const std::string& other :
         {std::string("h"), handle.substr(0, 21), handle + "zzzz", handle + "-", "x" + handle}) {
      RawClient stale = co_await dial_gemini(test.loop_, own.url());
      std::string setup = setup_message(resuming(other));
      const Heard refused = co_await stale.ask(std::move(setup));
      EXPECT_EQ(refused.status().reason, "BidiGenerateContent session not found") << other;
    }
  }(*this, peer));
}

TEST_F(GeminiLifetimeTest, HandleIsGoodForTwoHoursAfterTheEnd) {
  for (const auto& [later, expected] : {std::pair{119min, 0}, std::pair{121min, 1008}}) {
    GeminiLivePeer peer(loop_, {.session_max = 24h});
    const int code = loop_.run([](GeminiTest& test, GeminiLivePeer& own, std::chrono::minutes pause) -> Task<int> {
      std::string handle;
      RawClient client = co_await test.enter(own, kResumable, &handle);
      co_await client.socket().close();
      co_await sleep_for(pause);
      RawClient second = co_await dial_gemini(test.loop_, own.url());
      std::string setup = setup_message(resuming(handle));
      const Heard heard = co_await second.ask(std::move(setup));
      co_return about(heard) == "(end)" ? int{heard.status().code} : 0;
    }(*this, peer, later));
    EXPECT_EQ(code, expected);
  }
}

TEST_F(GeminiLifetimeTest, OfTooManyEndedSessionsTheOldestAreForgotten) {
  GeminiLivePeer peer(loop_, {.ended_sessions_max = 2});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    std::vector<std::string> handles(3);
    for (std::string& handle : handles) {
      RawClient client = co_await test.enter(own, kResumable, &handle);
      co_await client.socket().close();
      co_await sleep_for(1s);
    }
    RawClient forgotten = co_await dial_gemini(test.loop_, own.url());
    std::string setup = setup_message(resuming(handles[0]));
    const Heard refused = co_await forgotten.ask(std::move(setup));
    EXPECT_EQ(refused.status().code, 1008);
    std::string next;
    co_await test.enter(own, resuming(handles[1]), &next);
  }(*this, peer));
}

TEST_F(GeminiLifetimeTest, SessionThatIsStillConnectedIsNotResumed) {
  GeminiLivePeer peer(loop_);
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    std::string handle;
    RawClient open = co_await test.enter(own, kResumable, &handle);
    RawClient second = co_await dial_gemini(test.loop_, own.url());
    std::string setup = setup_message(resuming(handle));
    const Heard refused = co_await second.ask(std::move(setup));

    EXPECT_EQ(refused.status().code, 1011);
    EXPECT_TRUE(open.socket().is_open());
    EXPECT_EQ(own.ledger().resumptions_refused, 1u);
  }(*this, peer));
}

TEST_F(GeminiLifetimeTest, ResumedSessionKeepsItsModel) {
  GeminiLivePeer peer(loop_);
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    std::string handle;
    RawClient client = co_await test.enter(own, kResumable, &handle);
    co_await client.socket().close();
    co_await sleep_for(1s);
    RawClient second = co_await dial_gemini(test.loop_, own.url());
    std::string setup = R"({"setup":{"model":"models/another","sessionResumption":{"handle":")" + handle + R"("}}})";
    const Heard refused = co_await second.ask(std::move(setup));

    EXPECT_EQ(refused.status().code, 1007);
    EXPECT_THAT(refused.status().reason, testing::HasSubstr("'setup.model': the session to be resumed has models/"));
  }(*this, peer));
}

TEST_F(GeminiLifetimeTest, SessionWithoutCompressionEndsAfterAQuarterOfAnHourForGood) {
  GeminiLivePeer peer(loop_);
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    std::string handle;
    RawClient first = co_await test.enter(own, kResumable, &handle);
    co_await sleep_for(9min + 30s);
    co_await first.socket().close();
    RawClient second = co_await test.enter(own, resuming(handle), &handle);
    co_await hear_until(second, "goAway");
    EXPECT_EQ(test.loop_.elapsed(), 14min);
    const Heard end = co_await second.hear();
    EXPECT_EQ(test.loop_.elapsed(), 15min);
    EXPECT_EQ(end.status().reason, kDeadline);
    co_await sleep_for(1s);

    RawClient third = co_await dial_gemini(test.loop_, own.url());
    std::string setup = setup_message(resuming(handle));
    const Heard refused = co_await third.ask(std::move(setup));
    EXPECT_EQ(refused.status().code, 1008);
  }(*this, peer));
}

TEST_F(GeminiLifetimeTest, SessionWithCompressionOutlivesManyConnections) {
  GeminiLivePeer peer(loop_);
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    const std::string compressed = R"(,"contextWindowCompression":{"slidingWindow":{}})";
    std::string handle;
    std::string setup = kResumable + compressed;
    for (int i = 0; i < 12; ++i) {
      RawClient client = co_await test.enter(own, setup, &handle);
      co_await hear_until(client, "goAway");
      co_await client.socket().close();
      co_await sleep_for(1s);
      setup = resuming(handle) + compressed;
    }
    EXPECT_EQ(own.ledger().sessions_resumed, 11u);
    EXPECT_EQ(own.ledger().deadlines_expired, 0u);
  }(*this, peer));
}

TEST_F(GeminiLifetimeTest, MoreSessionsThanTheQuotaAreClosedWith1011) {
  GeminiLivePeer peer(loop_, {.sessions_max = 1});
  loop_.run([](GeminiTest& test, GeminiLivePeer& own) -> Task<> {
    RawClient first = co_await test.enter(own);
    RawClient second = co_await dial_gemini(test.loop_, own.url());
    std::string setup = setup_message();
    const Heard refused = co_await second.ask(std::move(setup));
    EXPECT_EQ(refused.status().code, 1011);
    EXPECT_THAT(refused.status().reason, testing::HasSubstr("quota"));

    co_await first.socket().close();
    co_await sleep_for(1s);
    co_await test.enter(own);
  }(*this, peer));
}

}  // namespace
}  // namespace soak::peers

// SPDX-License-Identifier: Apache-2.0
// What the fakes accept and do not play, and what they do not know: named once in the log, counted in the ledger.

#include <string>
#include <vector>

#include "conftest/captured_log.h"
#include "tests/unit/peers/gemini/fixture.h"
#include "tests/unit/peers/openai/fixture.h"

namespace soak::peers {
namespace {

using conftest::CapturedLog;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

TEST(NoticesTest, OpenAiNamesOnceWhatItDoesNotPlayAndWhatItDoesNotKnow) {
  CapturedLog log;
  VirtualLoop loop;
  OpenAiRealtimePeer peer(loop);
  loop.run([](EventLoop& own_loop, OpenAiRealtimePeer& own) -> Task<> {
    for (int i = 0; i < 2; ++i) {
      RawClient client = co_await dial(own_loop, own.url() + "?model=m");
      co_await client.hear();
      const Heard updated = co_await client.ask(
          R"({"type":"session.update","session":{"type":"realtime","tracing":null,"truncation":"auto","audio":)"
          R"({"input":{"noise_reduction":{"type":"near_field"}},"output":{"speed":1.0}}}})");
      EXPECT_EQ(updated.type(), "session.updated");
      const Heard member = co_await client.ask(R"({"type":"session.update","session":{"type":"realtime","mood":1}})");
      EXPECT_EQ(member.get("error.code"), "unknown_parameter");
      const Heard event = co_await client.ask(R"({"type":"session.dance"})");
      EXPECT_EQ(event.get("error.code"), "invalid_value");
    }
  }(loop, peer));

  EXPECT_THAT(peer.ledger().not_played, ElementsAre(Pair("session.audio.input.noise_reduction", 2u)));
  EXPECT_THAT(peer.ledger().unknown, ElementsAre(Pair("session.mood", 2u), Pair("the event 'session.dance'", 2u)));
  EXPECT_THAT(log.lines(),
              ElementsAre(HasSubstr("session.audio.input.noise_reduction: is accepted, and this fake does not play it"),
                          HasSubstr("session.mood: is unknown to this fake"),
                          HasSubstr("the event 'session.dance': is unknown to this fake")));
}

TEST(NoticesTest, GeminiDoesSoToo) {
  CapturedLog log;
  VirtualLoop loop;
  GeminiLivePeer peer(loop);
  loop.run([](EventLoop& own_loop, GeminiLivePeer& own) -> Task<> {
    for (const char* const more : {R"("generationConfig":{"temperature":0.5},"tools":[{"googleSearch":{}}])",
                                   R"("generationConfig":{"temperature":0.7})", R"("mood":1)"}) {
      RawClient client = co_await dial_gemini(own_loop, own.url());
      std::string setup = setup_message(more);
      co_await client.ask(std::move(setup));
    }
  }(loop, peer));

  EXPECT_THAT(peer.ledger().not_played,
              ElementsAre(Pair("setup.generationConfig.temperature", 2u), Pair("setup.tools.googleSearch", 1u)));
  EXPECT_THAT(peer.ledger().unknown, ElementsAre(Pair("setup.mood", 1u)));
  EXPECT_EQ(log.lines().size(), 3u);
}

// Of what our own clients send all is played.
TEST(NoticesTest, APlainSessionSaysNothing) {
  CapturedLog log;
  VirtualLoop loop;
  OpenAiRealtimePeer openai(loop);
  GeminiLivePeer gemini(loop);
  loop.run([](EventLoop& own_loop, OpenAiRealtimePeer& one, GeminiLivePeer& other) -> Task<> {
    RawClient client = co_await dial(own_loop, one.url() + "?model=m");
    co_await client.hear();
    co_await client.ask(
        R"({"type":"session.update","session":{"type":"realtime","instructions":"x","audio":{"output":{"voice":"ash"}}}})");
    RawClient second = co_await dial_gemini(own_loop, other.url());
    std::string setup = setup_message(R"("contextWindowCompression":{"slidingWindow":{}},"sessionResumption":{})");
    co_await second.ask(std::move(setup));
  }(loop, openai, gemini));

  EXPECT_THAT(log.lines(), IsEmpty());
}

}  // namespace
}  // namespace soak::peers

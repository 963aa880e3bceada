// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/openai/rate_limit.h"

#include <string>
#include <vector>

#include "tests/unit/peers/openai/fixture.h"

namespace soak::peers {
namespace {

TEST(RateLimitTest, RefillsEvenlyAndNoFurtherThanItsLimit) {
  openai::RateLimit limit(6000);
  const Instant start{};
  limit.use(1500, start);

  EXPECT_EQ(limit.remaining(start), 4500);
  EXPECT_DOUBLE_EQ(limit.seconds_until_full(start), 15.0);
  EXPECT_EQ(limit.remaining(start + 5s), 5000);
  EXPECT_EQ(limit.remaining(start + 1h), 6000);
  EXPECT_DOUBLE_EQ(limit.seconds_until_full(start + 1h), 0.0);
}

TEST(RateLimitTest, OverdrawnItGivesNothingUntilThatIsPaidBack) {
  openai::RateLimit limit(60);
  const Instant start{};
  limit.use(70, start);

  EXPECT_TRUE(limit.exhausted(start));
  EXPECT_EQ(limit.remaining(start), 0);
  EXPECT_DOUBLE_EQ(limit.seconds_until_any(start), 11.0);
  EXPECT_TRUE(limit.exhausted(start + 10s));
  EXPECT_FALSE(limit.exhausted(start + 11s));
}

Heard last_of(std::vector<Heard> heard) { return std::move(heard.back()); }

class OpenAiRateLimitTest : public OpenAiTest {
 public:
  // What is heard of `responses`, one after the other.
  std::vector<Heard> hear_responses(OpenAiRealtimePeer& peer, int responses, std::string last) {
    return loop_.run(
        [](OpenAiRateLimitTest& test, OpenAiRealtimePeer& own, int count, std::string end) -> Task<std::vector<Heard>> {
          RawClient client = co_await test.enter(own);
          std::vector<Heard> heard;
          for (int i = 0; i < count; ++i) {
            co_await client.say(R"({"type":"response.create"})");
            heard = co_await client.hear_until(end);
          }
          co_return heard;
        }(*this, peer, responses, std::move(last)));
  }
};

TEST_F(OpenAiRateLimitTest, EachResponseIsFollowedByWhatIsLeft) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 6000, .response_audio = 1s});

  const Heard updated = last_of(hear_responses(peer, 1, "rate_limits.updated"));

  // 15 tokens of instructions, 20 of audio, and 10 words; all audio is sent within 225 ms, before they are used.
  EXPECT_EQ(updated.get("rate_limits.0.name"), "tokens");
  EXPECT_EQ(updated.get("rate_limits.0.limit"), "6000");
  EXPECT_EQ(updated.get("rate_limits.0.remaining"), "5955");
  EXPECT_DOUBLE_EQ(std::stod(updated.get("rate_limits.0.reset_seconds")), 0.45);
  EXPECT_EQ(updated.get("rate_limits.1"), "(absent)");
}

TEST_F(OpenAiRateLimitTest, ResponseWithoutTokensFailsInsideResponseDoneAlone) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 30, .response_audio = 1s});

  const std::vector<Heard> heard = hear_responses(peer, 2, "rate_limits.updated");

  EXPECT_EQ(types_of(heard), (std::vector<std::string>{"response.created", "response.done", "rate_limits.updated"}));
  EXPECT_EQ(heard[0].get("response.status"), "in_progress");
  EXPECT_EQ(heard[1].get("response.status"), "failed");
  EXPECT_EQ(heard[1].get("response.output"), "[]");
  EXPECT_EQ(heard[1].get("response.status_details.type"), "failed");
  EXPECT_EQ(heard[1].get("response.status_details.error.code"), "rate_limit_exceeded");
  EXPECT_THAT(heard[1].get("response.status_details.error.message"),
              testing::HasSubstr("Limit 30, Used 30. Please try again in "));
  EXPECT_EQ(heard[1].get("response.usage.total_tokens"), "0");
  EXPECT_EQ(heard[2].get("rate_limits.0.remaining"), "0");
  EXPECT_EQ(peer.ledger().responses_done, 2u);
  EXPECT_EQ(peer.ledger().responses_failed, 1u);
  EXPECT_EQ(peer.ledger().errors_sent, 0u);
}

TEST_F(OpenAiRateLimitTest, TheLimitIsOfAllSessionsTogetherAndPassesWithTime) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 30, .response_audio = 1s});
  hear_responses(peer, 1, "response.done");

  const Heard refused = last_of(hear_responses(peer, 1, "response.done"));
  loop_.run([]() -> Task<> { co_await sleep_for(2min); }());
  const Heard served = last_of(hear_responses(peer, 1, "response.done"));

  EXPECT_EQ(refused.get("response.status"), "failed");
  EXPECT_EQ(served.get("response.status"), "completed");
}

TEST_F(OpenAiRateLimitTest, WithoutALimitNothingIsSaidOfIt) {
  OpenAiRealtimePeer peer(loop_, {.tokens_per_minute = 0});
  const Heard next = loop_.run([](OpenAiRateLimitTest& test, OpenAiRealtimePeer& own) -> Task<Heard> {
    RawClient client = co_await test.enter(own);
    co_await client.say(R"({"type":"response.create"})");
    co_await client.hear_until("response.done");
    co_await sleep_for(1s);
    co_return co_await client.ask(R"({"type":"input_audio_buffer.clear"})");
  }(*this, peer));

  EXPECT_EQ(next.type(), "input_audio_buffer.cleared");
}

}  // namespace
}  // namespace soak::peers

// SPDX-License-Identifier: Apache-2.0
#include "soak/channels/message_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "conftest/scratch_folder.h"
#include "soak/async_run.h"
#include "soak/detail/run_context.h"
#include "soak/error.h"

namespace soak::channels {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

// A channel without a wire: what becomes of a message, and how long it takes, a test says.
class ScriptedChannel : public Channel {
 public:
  explicit ScriptedChannel(Run& run) : run_(run) {}

  std::string_view provider() const override { return "scripted"; }
  Task<Delivery> send(std::string conversation, std::string text) override {
    sent.emplace_back(run_.elapsed(), text);
    const nanoseconds time = takes(text);
    if (time > 0ns) {
      co_await sleep_for(time);
    }
    ++counters_.sent;
    co_return outcome(conversation, text);
  }
  const ChannelCounters& counters() const override { return counters_; }
  ChannelCounters& count() { return counters_; }

  std::function<nanoseconds(const std::string&)> takes = [](const std::string&) { return 0ns; };
  std::function<Delivery(const std::string&, const std::string&)> outcome = [](const std::string&, const std::string&) {
    return Delivery(DeliveryOutcome::kDelivered, "");
  };
  std::vector<std::pair<nanoseconds, std::string>> sent;

 private:
  Run& run_;
  ChannelCounters counters_;
};

class MessageStreamTest : public testing::Test {
 protected:
  MessageStreamTest() {
    detail::RunContext& context = detail::run_context();
    context = {};
    context.name = "Soak/Channels.Test";
    context.mode = Mode::kVirtual;
    context.quiet = true;
  }
  ~MessageStreamTest() override { detail::run_context() = {}; }

  static MessageStreamOptions every_ten_seconds(MessageStreamOptions options) {
    options.interval = 10s;
    return options;
  }

  // Four minutes in cycles of a minute, with a message every ten seconds, all properties exercised.
  struct Soak {
    explicit Soak(MessageStreamOptions options = {.conversations = {"C1"}})
        : run({.duration = 4min, .reconnect_every = 1min, .seed = 1}),
          channel(run),
          messages(run, run.loop(), channel, every_ten_seconds(std::move(options))) {
      channel.count().rate_limited = 0;
    }

    const Verdict& judged(bool against_a_fake = false) {
      run.drive([this](Cycle& cycle) { return messages.send_until_end_of(cycle); });
      messages.judge(against_a_fake);
      return run.verdict();
    }

    AsyncRun run;
    ScriptedChannel channel;
    MessageStream messages;
  };

  static std::string text_of(const Verdict& verdict, const std::string& subject) {
    const Finding* const finding = verdict.find(subject);
    if (finding == nullptr) {
      return "no finding";
    }
    std::string text = finding->text;
    for (const probe::Evidence& evidence : finding->evidence) {
      text += "\n" + evidence.text;
    }
    return text;
  }
};

TEST_F(MessageStreamTest, SendsAMessageEveryIntervalWhateverTheCycles) {
  Soak soak;

  EXPECT_TRUE(soak.judged().passed()) << soak.run.summary();

  ASSERT_EQ(soak.channel.sent.size(), 24u);
  for (std::size_t i = 0; i < 24; ++i) {
    EXPECT_GE(soak.channel.sent[i].first, 10s * i);
    EXPECT_LE(soak.channel.sent[i].first, 10s * i + 50ms);  // Between two cycles it settles.
    EXPECT_EQ(soak.channel.sent[i].second, "soak " + std::to_string(i + 1));
  }
  EXPECT_THAT(soak.run.summary(),
              HasSubstr("[CHANNELS SOAK / scripted] PASS: sent=24 ok=24 success_rate=1.0000 auth_failures=0 "
                        "rate_limited=0 max_consecutive_429s=0 other_failures=0 elapsed=240.0s cycles=4"));
}

TEST_F(MessageStreamTest, AMessageThatWaitsHoldsUpNoOther) {
  Soak soak;
  soak.channel.takes = [](const std::string& text) { return text == "soak 3" ? nanoseconds(100s) : 0ns; };

  EXPECT_TRUE(soak.judged().passed()) << soak.run.summary();

  EXPECT_EQ(soak.channel.sent.size(), 24u);
  EXPECT_EQ(soak.channel.sent[3].first, 30s);
}

TEST_F(MessageStreamTest, EveryConversationHasItsMessage) {
  Soak soak({.conversations = {"C1", "C2", "C3"}});

  EXPECT_TRUE(soak.judged().passed()) << soak.run.summary();

  EXPECT_EQ(soak.channel.sent.size(), 72u);
}

TEST_F(MessageStreamTest, TooManyThatDoNotArriveAreAFindingWithTheirReasons) {
  Soak soak;
  soak.channel.outcome = [](const std::string&, const std::string& text) {
    return text == "soak 5" ? Delivery(DeliveryOutcome::kFailed, "scripted: 400 no")
                            : Delivery(DeliveryOutcome::kDelivered, "");
  };

  const Verdict& verdict = soak.judged();

  EXPECT_EQ(text_of(verdict, "success_rate"),
            "success_rate is 0.9583, below the floor of 0.99\n\"soak 5\" failed: scripted: 400 no");
  EXPECT_THAT(soak.run.summary(), HasSubstr("FAIL: sent=24 ok=23 success_rate=0.9583"));
}

TEST_F(MessageStreamTest, WhatIsSaidToBeDeliveredAndIsNotThereIsLost) {
  Soak soak({.conversations = {"C1"}, .has_arrived = [](const std::string& conversation, const std::string& text) {
               return conversation == "C1" && text != "soak 7";
             }});

  EXPECT_EQ(text_of(soak.judged(), "lost"),
            "lost is 1, allowed 0\nthe client reported \"soak 7\" as delivered, but it is not there");
}

TEST_F(MessageStreamTest, WhatIsSaidToHaveFailedAndIsThereIsAFinding) {
  Soak soak({.conversations = {"C1"}, .has_arrived = [](const std::string&, const std::string&) { return true; }});
  soak.channel.outcome = [](const std::string&, const std::string& text) {
    return Delivery(text == "soak 5"   ? DeliveryOutcome::kFailed
                    : text == "soak 6" ? DeliveryOutcome::kUncertain
                                       : DeliveryOutcome::kDelivered,
                    "why");
  };

  EXPECT_EQ(text_of(soak.judged(), "arrived_all_the_same"),
            "1 messages that the client reported as failed have arrived\n\"soak 5\": why");
}

TEST_F(MessageStreamTest, WhatIsStillUnderWayAtTheEndIsAFinding) {
  Soak soak;
  soak.channel.takes = [](const std::string& text) { return text == "soak 24" ? nanoseconds(1h) : 0ns; };

  EXPECT_EQ(text_of(soak.judged(), "unsettled"), "1 messages were still under way at the end");
}

TEST_F(MessageStreamTest, WhatTheProviderSaidIsJudged) {
  Soak soak;
  soak.channel.count().rate_limited = 2;
  soak.channel.count().max_consecutive_429s = 2;
  soak.channel.count().auth_failures = 1;
  soak.channel.count().early_requests = 3;

  const Verdict& verdict = soak.judged();

  EXPECT_EQ(text_of(verdict, "rate_limited"), "rate_limited is 2 of 24 messages, 8.33%, allowed 1.00%");
  EXPECT_EQ(text_of(verdict, "max_consecutive_429s"), "max_consecutive_429s is 2, allowed 1");
  EXPECT_EQ(text_of(verdict, "auth_failures"), "auth_failures is 1, allowed 0");
  EXPECT_EQ(text_of(verdict, "early_requests"), "3 requests were sent before the time that a Retry-After named");
}

TEST_F(MessageStreamTest, WhatWasNotExercisedIsSaidAndFailsASoakThatWasToExerciseIt) {
  Soak real;
  EXPECT_TRUE(real.judged().passed());
  EXPECT_THAT(real.run.summary(), AllOf(HasSubstr("note: not exercised: that Retry-After is honoured: no 429 came\n"),
                                        HasSubstr("no outcome was unknown\n"), HasSubstr("none was rotated\n")));

  Soak fake;
  fake.channel.count().rotations = 1;
  const Verdict& verdict = fake.judged(true);
  EXPECT_EQ(verdict.findings.size(), 2u);
  EXPECT_THAT(text_of(verdict, "not_exercised"), HasSubstr("no 429 came"));
}

// The same soak as two processes of two minutes each.
class MessageStreamPartsTest : public MessageStreamTest {
 protected:
  struct Part {
    std::vector<std::pair<nanoseconds, std::string>> sent;
    Verdict verdict;
    std::string summary;
  };

  Part run_part(const ChannelCounters& met) const {
    detail::RunContext& context = detail::run_context();
    context.quiet = context.progress = false;
    context.checkpoints_opened = 0;
    AsyncRun run({.duration = 4min,
                  .reconnect_every = 1min,
                  .seed = 1,
                  .report_dir = folder_ / "report",
                  .checkpoint = folder_ / "soak.json",
                  .part_duration = 2min});
    ScriptedChannel channel(run);
    channel.count() = met;
    MessageStream messages(run, run.loop(), channel,
                           {.conversations = {"C1"}, .interval = 10s, .rate_limit_ceiling = 0.5});
    run.drive([&messages](Cycle& cycle) { return messages.send_until_end_of(cycle); });
    messages.judge(true);
    const Verdict verdict = run.verdict();
    return {channel.sent, verdict, run.summary()};
  }

  static ChannelCounters all_exercised() {
    ChannelCounters met;
    met.requests = 14;
    met.uncertain = met.rotations = 1;
    return met;
  }

  const conftest::ScratchFolder folder_;
};

TEST_F(MessageStreamPartsTest, APartGoesOnWithTheMessageThatIsDue) {
  const Part first = run_part(all_exercised());
  const Part second = run_part(all_exercised());

  ASSERT_EQ(first.sent.size(), 12u);
  ASSERT_EQ(second.sent.size(), 12u);
  EXPECT_THAT(second.sent.front(), Pair(120s, "soak 13"));
  EXPECT_THAT(second.summary, HasSubstr("sent=24 ok=24 "));
}

TEST_F(MessageStreamPartsTest, ARowOf429sGoesOnInTheNextPart) {
  ChannelCounters ends_with_one = all_exercised();
  ends_with_one.rate_limited = ends_with_one.max_consecutive_429s = ends_with_one.last_429s = 1;
  ChannelCounters begins_with_one = all_exercised();
  begins_with_one.rate_limited = begins_with_one.max_consecutive_429s = begins_with_one.first_429s = 1;

  const Part first = run_part(ends_with_one);
  const Part second = run_part(begins_with_one);

  EXPECT_EQ(text_of(first.verdict, "max_consecutive_429s"), "no finding");
  EXPECT_EQ(text_of(second.verdict, "max_consecutive_429s"), "max_consecutive_429s is 2, allowed 1");
}

TEST_F(MessageStreamPartsTest, A429InEachOfTwoPartsIsNoRowWhereAnotherResponseIsBetween) {
  ChannelCounters in_the_middle = all_exercised();
  in_the_middle.rate_limited = in_the_middle.max_consecutive_429s = 1;
  ChannelCounters begins_with_one = in_the_middle;
  begins_with_one.first_429s = 1;

  run_part(in_the_middle);
  const Part second = run_part(begins_with_one);

  EXPECT_EQ(text_of(second.verdict, "max_consecutive_429s"), "no finding");
  EXPECT_THAT(second.summary, HasSubstr("rate_limited=2 max_consecutive_429s=1 "));
}

TEST_F(MessageStreamPartsTest, WhatOnePartHasExercisedTheOthersNeedNot) {
  ChannelCounters met = all_exercised();
  met.rate_limited = 1;

  const Part first = run_part(met);
  const Part second = run_part({});

  EXPECT_EQ(text_of(second.verdict, "not_exercised"), "no finding");
  EXPECT_THAT(second.summary, HasSubstr("rate_limited=1 "));
}

TEST_F(MessageStreamPartsTest, WhatNoPartHasExercisedIsAFindingOfTheLast) {
  const Part first = run_part({});
  const Part second = run_part({});

  EXPECT_TRUE(first.verdict.findings.empty()) << first.summary;
  EXPECT_EQ(second.verdict.findings.size(), 3u) << second.summary;
}

TEST_F(MessageStreamTest, WithoutAConversationThereIsNothingToSendTo) {
  AsyncRun run({.duration = 1min});
  ScriptedChannel channel(run);

  EXPECT_THROW(MessageStream(run, run.loop(), channel, {}), Error);
  run.drive([](Cycle& cycle) -> Task<> { co_await sleep_for(cycle.ends_at()); });
  (void)run.verdict();
}

}  // namespace
}  // namespace soak::channels

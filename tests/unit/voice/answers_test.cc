// SPDX-License-Identifier: Apache-2.0
// What becomes of the answers of a run, and for how long it has a session: what passes, and what fails and why.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "soak/async_run.h"
#include "soak/detail/run_context.h"
#include "soak/error.h"
#include "soak/voice/microphone.h"
#include "tools/providers/voice_providers.h"

namespace soak::voice {
namespace {

using namespace std::chrono_literals;
using End = AnswerListener::End;
using std::chrono::nanoseconds;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A client without a wire, which does with each turn what a test says.
class PlayedClient : public Client {
 public:
  std::string_view provider() const override { return "played"; }
  int input_rate_hz() const override { return 24'000; }
  Task<> connect() override { co_return; }
  Task<> send_audio(std::span<const std::byte>) override {
    ++counters_.frames_sent;
    co_return;
  }
  Task<> end_turn() override {
    Task<> answering = on_turn(*this);
    co_await std::move(answering);
  }
  Task<> close() override { co_return; }
  const ClientCounters& counters() const override { return counters_; }
  const std::string& last_error() const override { return error; }
  void tell_answers_to(AnswerListener* listener) override { listener_ = listener; }

  void asks() { listener_->asked(); }
  void hears(nanoseconds audio) { listener_->heard(audio); }
  void ends(End end) { listener_->ended(end); }
  ClientCounters& own() { return counters_; }

  std::function<Task<>(PlayedClient&)> on_turn = [](PlayedClient&) -> Task<> { co_return; };
  std::string error;

 private:
  ClientCounters counters_;
  AnswerListener* listener_ = nullptr;
};

class VoiceAnswersTest : public testing::Test {
 protected:
  VoiceAnswersTest() {
    detail::RunContext& context = detail::run_context();
    context = {};
    context.mode = Mode::kVirtual;
    context.quiet = true;
  }
  ~VoiceAnswersTest() override { detail::run_context() = {}; }

  static RunOptions a_minute() { return {.duration = 60s, .reconnect_every = 60s, .seed = 1}; }

  // A client in each cycle, which answers each turn like that.
  static void play(soak::AsyncRun& run, std::function<Task<>(PlayedClient&)> on_turn, MicrophoneOptions options = {}) {
    run.drive([&](Cycle& cycle) -> Task<> {
      PlayedClient client;
      client.on_turn = on_turn;
      co_await stream_microphone(client, cycle, options);
    });
  }

  static const report::Answers& answers(soak::AsyncRun& run) {
    run.verdict();
    return *run.record().answers;
  }
};

Task<> answer(PlayedClient& client, End end) {
  client.asks();
  co_await sleep_for(10ms);
  if (end == End::kReceived) {
    client.hears(1s);
  }
  client.ends(end);
}

TEST_F(VoiceAnswersTest, ARunWhoseAnswersComeHoldsItsPeace) {
  soak::AsyncRun run(a_minute());

  play(run, [](PlayedClient& client) { return answer(client, End::kReceived); });

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_EQ(answers(run).asked, 11u);
  EXPECT_EQ(answers(run).received, 11u);
  EXPECT_THAT(run.summary(), HasSubstr(" answers_asked=11 answers=11 open=1.0000 "));
}

TEST_F(VoiceAnswersTest, TwelveSecondsOfNothingButFailedAnswersFail) {
  soak::AsyncRun run({.duration = 12s, .reconnect_every = 12s, .seed = 1});

  play(run, [](PlayedClient& client) {
    client.error = "tokens/rate_limit_exceeded: Rate limit reached";
    return answer(client, End::kFailed);
  });

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "answers"))) << run.summary();
  EXPECT_EQ(run.verdict().findings[0].text, "no answer was received: 2 asked for");
  EXPECT_THAT(run.summary(), AllOf(HasSubstr("2 failed"), HasSubstr("Rate limit reached")));
}

TEST_F(VoiceAnswersTest, ARunMostOfWhoseAnswersFailFailsThoughTheFirstOnesCame) {
  soak::AsyncRun run({.duration = 60s, .reconnect_every = 60s, .sessions = 20, .seed = 1});

  play(run,
       [&run](PlayedClient& client) { return answer(client, run.elapsed() < 38s ? End::kReceived : End::kFailed); });

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "answers"))) << run.summary();
  EXPECT_THAT(run.verdict().findings[0].text, HasSubstr("answers were received ("));
}

TEST_F(VoiceAnswersTest, AFloorInCodeAllowsForAProviderThatFails) {
  soak::AsyncRun run(a_minute());
  int turns = 0;

  play(run, [&turns](PlayedClient& client) { return answer(client, ++turns % 4 == 0 ? End::kFailed : End::kReceived); },
       {.answer_floor = 0.75});

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_EQ(answers(run).failed, 2u);
}

TEST_F(VoiceAnswersTest, AnAnswerThatNeverComesIsUnansweredOnceItHadFiveSeconds) {
  soak::AsyncRun run({.duration = 12s, .reconnect_every = 12s, .seed = 1});
  bool asked = false;

  play(run, [&asked](PlayedClient& client) -> Task<> {
    if (!std::exchange(asked, true)) {
      client.asks();
    }
    co_return;
  });

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "answers"))) << run.summary();
  EXPECT_EQ(answers(run).unanswered, 1u);
  EXPECT_THAT(run.summary(), HasSubstr("1 never came"));
}

TEST_F(VoiceAnswersTest, AnAnswerThatTheEndOfTheSessionCutsOffIsNobodysFault) {
  soak::AsyncRun run({.duration = 12s, .reconnect_every = 12s, .seed = 1});
  int turns = 0;

  play(run, [&turns](PlayedClient& client) -> Task<> {
    client.asks();
    if (++turns == 1) {
      client.hears(20s);  // It is played long after the last of it has come.
      client.ends(End::kReceived);
    }
    co_return;
  });

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_EQ(answers(run).received, 1u);
  EXPECT_EQ(answers(run).cut_off, 1u);
}

TEST_F(VoiceAnswersTest, AnAnswerThatIsStillPlayedIsNotSilent) {
  soak::AsyncRun run({.duration = 12s, .reconnect_every = 12s, .seed = 1});
  bool asked = false;

  play(run, [&asked](PlayedClient& client) -> Task<> {
    if (!std::exchange(asked, true)) {
      client.asks();
      client.hears(4s);  // Until the ninth second of twelve.
    }
    co_return;
  });

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_EQ(answers(run).cut_off, 1u);
}

TEST_F(VoiceAnswersTest, WhatTheUserBreaksOffWasReceivedIfSomeOfItWasHeard) {
  soak::AsyncRun run(a_minute());
  int turns = 0;

  play(run, [&turns](PlayedClient& client) -> Task<> {
    client.asks();
    if (++turns % 2 == 0) {
      client.hears(1s);
    }
    client.ends(End::kInterrupted);
    co_return;
  });

  EXPECT_EQ(answers(run).received, 5u);
  EXPECT_EQ(answers(run).cut_off, 6u);
}

TEST_F(VoiceAnswersTest, ErrorsAndInvalidEventsAreInTheReport) {
  soak::AsyncRun run(a_minute());

  play(run, [](PlayedClient& client) {
    ++client.own().errors;
    client.own().invalid_events += 2;
    return answer(client, End::kReceived);
  });

  EXPECT_EQ(answers(run).errors, 11u);
  EXPECT_EQ(answers(run).invalid_events, 22u);
  EXPECT_THAT(run.summary(), HasSubstr(" errors=11 invalid_events=22 "));
}

TEST_F(VoiceAnswersTest, TimesAreFromTheEndOfSpeechAndOfWhatASpeakerWouldMiss) {
  soak::AsyncRun run(a_minute());

  play(run, [](PlayedClient& client) -> Task<> {
    client.asks();
    co_await sleep_for(300ms);
    client.hears(1s);
    co_await sleep_for(600ms);  // Ahead of what is played.
    client.hears(100ms);
    co_await sleep_for(700ms);  // 200 ms behind it.
    client.hears(1s);
    client.ends(End::kReceived);
  });

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_EQ(answers(run).first_audio.max(), 300ms);
  EXPECT_EQ(answers(run).gaps.count(), 11u);
  EXPECT_EQ(answers(run).gaps.max(), 200ms);
}

TEST_F(VoiceAnswersTest, BoundsOnTheirTimesAreJudgedWhereTheyAreSet) {
  const auto answer_after = [](PlayedClient& client) -> Task<> {
    client.asks();
    co_await sleep_for(300ms);
    client.hears(1s);
    co_await sleep_for(1200ms);
    client.hears(1s);
    client.ends(End::kReceived);
  };
  const auto found = [&](MicrophoneOptions options) {
    soak::AsyncRun run(a_minute());
    play(run, answer_after, options);
    std::vector<std::string> subjects;
    for (const Finding& finding : run.verdict().findings) {
      subjects.push_back(finding.subject);
    }
    return subjects;
  };

  EXPECT_THAT(found({.first_audio_p50_max = 310ms, .first_audio_p99_max = 310ms, .audio_gap_max = 200ms}), IsEmpty());
  EXPECT_THAT(found({.first_audio_p50_max = 290ms}), ElementsAre("first_audio"));
  EXPECT_THAT(found({.first_audio_p99_max = 290ms}), ElementsAre("first_audio"));
  EXPECT_THAT(found({.audio_gap_max = 190ms}), ElementsAre("audio_gap"));
}

// How long sessions are open

TEST_F(VoiceAnswersTest, HandshakesThatTakeFourOfEveryFiveSecondsFail) {
  soak::AsyncRun run({.duration = 25s, .reconnect_every = 5s, .seed = 1});

  run.drive([&](Cycle& cycle) -> Task<> {
    co_await sleep_for(4s);
    PlayedClient client;
    co_await stream_microphone(client, cycle, {.turn_every = 0s});
  });

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "open"))) << run.summary();
  EXPECT_THAT(run.verdict().findings[0].text, HasSubstr("a session was open for "));
  EXPECT_NEAR(run.record().open_time->share(), 0.2, 0.02);
}

TEST_F(VoiceAnswersTest, AThousandSessionsThatHardlyOpenFail) {
  soak::AsyncRun run({.duration = 2s, .reconnect_every = 90s, .sessions = 1000, .seed = 1});

  run.drive([&](Cycle& cycle) -> Task<> {
    co_await sleep_for(970ms);
    PlayedClient client;
    co_await stream_microphone(client, cycle, {.turn_every = 0s});
  });

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "open"))) << run.summary();
  EXPECT_LT(run.record().open_time->share(), 0.05);
}

TEST_F(VoiceAnswersTest, TimeInABackOffIsClosed) {
  soak::AsyncRun run({.duration = 60s, .reconnect_every = 60s, .seed = 1, .failed_cycles_max = 1000});
  int tries = 0;

  run.drive([&](Cycle& cycle) -> Task<> {
    if (++tries <= 6) {
      throw Error(Errc::kConnectFailed, "refused");
    }
    PlayedClient client;
    co_await stream_microphone(client, cycle, {.turn_every = 0s});
  });

  EXPECT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "open"))) << run.summary();
}

TEST_F(VoiceAnswersTest, ASoakThatPlansOutagesSetsItsOwnFloor) {
  soak::AsyncRun run({.duration = 25s, .reconnect_every = 5s, .open_floor = 0.1, .seed = 1});

  run.drive([&](Cycle& cycle) -> Task<> {
    co_await sleep_for(4s);
    PlayedClient client;
    co_await stream_microphone(client, cycle, {.turn_every = 0s});
  });

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
}

TEST_F(VoiceAnswersTest, ASmokeRunJudgesNeither) {
  detail::run_context().mode = Mode::kSmoke;
  soak::AsyncRun run({.reconnect_every = 90s, .seed = 1});

  run.drive([&](Cycle& cycle) -> Task<> {
    co_await sleep_for(std::max<nanoseconds>(cycle.ends_at() - run.elapsed() - 50ms, 0s));
    PlayedClient client;
    client.on_turn = [](PlayedClient& own) { return answer(own, End::kFailed); };
    co_await stream_microphone(client, cycle, {.frame = 10ms, .turn_every = 20ms});
  });

  EXPECT_GT(answers(run).failed, 0u);
  EXPECT_THAT(run.verdict().findings, Not(Contains(Field(&Finding::subject, "answers"))));
  EXPECT_THAT(run.verdict().findings, Not(Contains(Field(&Finding::subject, "open"))));
}

// A client that replaces its connection itself is not open meanwhile, though its stream goes on.
TEST_F(VoiceAnswersTest, AClientThatReconnectsIsNotOpenMeanwhile) {
  soak::AsyncRun run({.duration = 60s, .reconnect_every = 60s, .open_floor = 0.5, .seed = 1});

  run.drive([&](Cycle& cycle) -> Task<> {
    PlayedClient client;
    client.own().sessions = client.own().sessions_open = 1;
    client.on_turn = [](PlayedClient& own) -> Task<> {
      own.own().sessions_open = 0;
      co_await sleep_for(1s);
      own.own().sessions_open = 1;
      ++own.own().sessions;
    };
    co_await stream_microphone(client, cycle);
  });

  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_NEAR(run.record().open_time->share(), 1 - 11.0 / 60, 0.02);
}

// With each provider's client and fake

template <typename Provider>
void talk(soak::AsyncRun& run, typename Provider::FakeOptions fake_options = {}) {
  fake_options.seed = 1;
  typename Provider::Fake fake(run.loop(), fake_options);
  typename Provider::ClientOptions options;
  options.url = fake.url();
  run.drive([&](Cycle& cycle) -> Task<> {
    typename Provider::Client client(run.loop(), options);
    co_await client.connect();
    co_await stream_microphone(client, cycle);
    co_await client.close();
  });
}

TEST_F(VoiceAnswersTest, WithEachFakeAllAnswersAreReceivedAndASessionIsOpenAllTheTime) {
  tools::for_each_voice_provider([]<typename Provider>(const Provider& provider) {
    if constexpr (tools::PlaysFaults<Provider>) {
      for (const std::uint32_t sessions : {1u, 4u}) {
        SCOPED_TRACE(std::string(provider.name) + ", sessions: " + std::to_string(sessions));
        soak::AsyncRun run({.duration = 2min, .reconnect_every = 33s, .sessions = sessions, .seed = 1});

        talk<Provider>(run);

        EXPECT_TRUE(run.verdict().passed()) << run.summary();
        const report::Answers& answers = *run.record().answers;
        EXPECT_GT(answers.received, 14u * sessions);
        EXPECT_EQ(answers.asked, answers.received + answers.cut_off);
        EXPECT_EQ(answers.errors + answers.invalid_events, 0u);
        EXPECT_EQ(answers.first_audio.count(), answers.gaps.count());
        EXPECT_GE(answers.first_audio.count(), answers.received);
        EXPECT_EQ(answers.gaps.max(), 0ns);  // It sends four times as fast as it plays.
        EXPECT_GT(run.record().open_time->share(), 0.98);
        EXPECT_GT(run.record().open_time->wanted_s, 80.0 * sessions);
      }
    }
  });
}

TEST_F(VoiceAnswersTest, AFakeWithoutTokensFailsTheRun) {
  soak::AsyncRun run(a_minute());

  talk<tools::OpenAiRealtime>(run, {.tokens_per_minute = 1});

  ASSERT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "answers"))) << run.summary();
  EXPECT_GT(answers(run).failed, 0u);
  EXPECT_EQ(answers(run).received, 1u);  // The first one uses up the tokens.
  EXPECT_THAT(run.summary(), HasSubstr("rate_limit_exceeded"));
}

// Each answer takes two seconds, and the connection is lost a second after it was asked for.
TEST_F(VoiceAnswersTest, AnswersThatAreLostWithTheirConnectionFailTheRun) {
  tools::for_each_voice_provider([]<typename Provider>(const Provider& provider) {
    if constexpr (tools::PlaysFaults<Provider>) {
      SCOPED_TRACE(provider.name);
      fault::Script faults([](std::uint64_t) {
        fault::Fault reset;
        reset.kind = fault::Kind::kReset;
        reset.after = 6s;
        return std::vector<fault::Fault>{reset};
      });
      soak::AsyncRun run({.duration = 60s, .reconnect_every = 60s, .open_floor = 0, .seed = 1});
      typename Provider::FakeOptions fake_options;
      fake_options.seed = 1;
      fake_options.pace = 1;
      fake_options.faults = &faults;
      typename Provider::Fake fake(run.loop(), fake_options);
      typename Provider::ClientOptions options;
      options.url = fake.url();
      options.backoff = BackoffOptions{.initial = 50ms, .max = 100ms};
      run.drive([&](Cycle& cycle) -> Task<> {
        typename Provider::Client client(run.loop(), options);
        co_await client.connect();
        co_await stream_microphone(client, cycle);
        co_await client.close();
      });

      EXPECT_THAT(run.verdict().findings, Contains(Field(&Finding::subject, "answers"))) << run.summary();
      EXPECT_GT(run.record().answers->lost, 0u);
    }
  });
}

}  // namespace
}  // namespace soak::voice

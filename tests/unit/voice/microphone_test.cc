// SPDX-License-Identifier: Apache-2.0
#include "soak/voice/microphone.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "soak/async_run.h"
#include "soak/detail/run_context.h"
#include "soak/error.h"
#include "soak/peers/openai_realtime_peer.h"
#include "soak/voice/client.h"
#include "soak/voice/openai_realtime.h"

namespace soak::voice {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

// A client without a wire: it notes when each frame was sent, and takes as long for it as a test says.
class SlowClient : public Client {
 public:
  explicit SlowClient(Run& run) : run_(run) {}

  std::string_view provider() const override { return "slow"; }
  int input_rate_hz() const override { return 24'000; }
  Task<> connect() override { co_return; }
  Task<> send_audio(std::span<const std::byte> pcm) override {
    sent_at.push_back(run_.elapsed());
    bytes = pcm.size();
    heard.insert(heard.end(), pcm.begin(), pcm.end());
    const nanoseconds takes = send_takes(sent_at.size() - 1);
    if (takes > 0ns) {
      co_await sleep_for(takes);
    }
    ++counters_.frames_sent;
  }
  Task<> end_turn() override {
    ++turns;
    on_turn();
    co_return;
  }
  Task<> close() override { co_return; }
  const ClientCounters& counters() const override { return counters_; }
  const std::string& last_error() const override { return last_error_; }

  std::function<nanoseconds(std::size_t)> send_takes = [](std::size_t) { return 0ns; };
  std::function<void()> on_turn = [] {};
  std::vector<nanoseconds> sent_at;
  std::size_t bytes = 0;
  std::vector<std::byte> heard;
  int turns = 0;

 private:
  Run& run_;
  ClientCounters counters_;
  std::string last_error_;
};

class MicrophoneTest : public testing::Test {
 protected:
  MicrophoneTest() {
    detail::RunContext& context = detail::run_context();
    context = {};
    context.mode = Mode::kVirtual;
    context.quiet = true;
  }
  ~MicrophoneTest() override { detail::run_context() = {}; }

  // One cycle of ten seconds with this client.
  static void drive(soak::AsyncRun& run, SlowClient& client, MicrophoneOptions options = {}) {
    run.drive([&](Cycle& cycle) { return stream_microphone(client, cycle, options); });
  }

  static RunOptions ten_seconds() { return {.duration = 10s, .reconnect_every = 10s, .seed = 1}; }
};

TEST_F(MicrophoneTest, SaysWhatItIsGivenOverAndOver) {
  std::vector<std::byte> speech;
  for (int i = 0; i < 5000; ++i) {
    speech.push_back(static_cast<std::byte>(i));
  }
  soak::AsyncRun run(ten_seconds());
  SlowClient client(run);

  drive(run, client, {.speech = speech});

  ASSERT_EQ(client.heard.size(), 250u * 1920u);
  for (std::size_t i = 0; i < client.heard.size(); ++i) {
    ASSERT_EQ(client.heard[i], speech[i % speech.size()]) << i;
  }
  EXPECT_TRUE(run.verdict().passed());
}

TEST_F(MicrophoneTest, SendsFramesOf40MillisecondsOnTime) {
  soak::AsyncRun run(ten_seconds());
  SlowClient client(run);

  drive(run, client, {.frame = 40ms});

  ASSERT_EQ(client.sent_at.size(), 250u);
  EXPECT_EQ(client.bytes, 1920u);
  for (std::size_t n = 0; n < client.sent_at.size(); ++n) {
    EXPECT_EQ(client.sent_at[n], static_cast<std::int64_t>(n) * 40ms);
  }
  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_THAT(run.summary(), HasSubstr("[VOICE SOAK / slow] PASS: elapsed=10."));
  EXPECT_THAT(run.summary(), HasSubstr(" reconnects=1 frames=250 "));
}

// It gives its frames to the transport a little later.
TEST_F(MicrophoneTest, FramesOfAClientWithABacklogAreCountedWhenTheyAreSent) {
  soak::AsyncRun run(ten_seconds());
  peers::OpenAiRealtimePeer peer(run.loop());
  OpenAiRealtimeClient client(run.loop(), {.url = peer.url(), .backlog = 1s});

  run.drive([&](Cycle& cycle) -> Task<> {
    co_await client.connect();
    co_await stream_microphone(client, cycle, {.frame = 40ms});
    co_await client.close();
  });

  EXPECT_EQ(client.counters().frames_sent, 250u);
  EXPECT_TRUE(run.verdict().passed()) << run.summary();
  EXPECT_THAT(run.summary(), HasSubstr(" frames=250 "));
}

TEST_F(MicrophoneTest, DoesNotDriftHoweverLongASendTook) {
  soak::AsyncRun run(ten_seconds());
  SlowClient client(run);
  client.send_takes = [](std::size_t n) { return n % 10 == 3 ? nanoseconds(100ms) : nanoseconds(7ms); };

  drive(run, client);

  ASSERT_EQ(client.sent_at.size(), 250u);
  for (std::size_t n = 0; n < client.sent_at.size(); n += 10) {
    EXPECT_EQ(client.sent_at[n], static_cast<std::int64_t>(n) * 40ms);  // Caught up by then.
  }
  EXPECT_TRUE(run.verdict().passed()) << run.summary();
}

TEST_F(MicrophoneTest, LatenessIsUntilTheTransportTookTheFrame) {
  soak::AsyncRun run(ten_seconds());
  SlowClient client(run);
  client.send_takes = [](std::size_t n) { return n == 100 ? nanoseconds(100ms) : nanoseconds(7ms); };

  drive(run, client);
  run.verdict();

  const report::Lateness& late = run.record().traffic.at(0).late;
  EXPECT_EQ(late.count(), 250u);
  EXPECT_GE(late.percentile(0.5), 7ms);
  EXPECT_LE(late.percentile(0.5), 7ms + nanoseconds(7ms) / 32);
  EXPECT_EQ(late.max(), 100ms);
}

TEST_F(MicrophoneTest, WhatIsStillNotSentASecondAfterTheEndIsMissing) {
  soak::AsyncRun run(ten_seconds());
  SlowClient client(run);
  client.send_takes = [](std::size_t) { return 80ms; };

  drive(run, client);

  EXPECT_LT(client.sent_at.size(), 140u);
  EXPECT_LE(client.sent_at.back(), 11s);
  EXPECT_THAT(run.verdict().findings, ElementsAre(Field(&Finding::subject, "frames"))) << run.summary();
  EXPECT_THAT(run.verdict().findings[0].text, HasSubstr(" of 250 due"));
}

TEST_F(MicrophoneTest, CountsWhatWasDueUntilTheConnectionWasLost) {
  soak::AsyncRun run({.duration = 10s, .reconnect_every = 10s, .seed = 1, .failed_cycles_max = 1});
  SlowClient client(run);
  client.send_takes = [](std::size_t n) -> nanoseconds {
    if (n == 100) {
      throw Error(Errc::kConnectionClosed, "lost");
    }
    return 0ns;
  };

  drive(run, client);
  run.verdict();

  const report::Traffic& frames = run.record().traffic.at(0);
  const auto due = frames.due[0] + frames.due[1] + frames.due[2];
  const auto met = frames.met[0] + frames.met[1] + frames.met[2];
  EXPECT_EQ(due, met + 1);  // The one that was lost with the connection; none for the time without one.
  EXPECT_LT(due, 250u);
}

TEST_F(MicrophoneTest, EndsATurnEveryFiveSeconds) {
  soak::AsyncRun run({.duration = 60s, .reconnect_every = 60s, .seed = 1});
  SlowClient client(run);

  drive(run, client);
  run.verdict();

  EXPECT_EQ(client.turns, 11);
}

TEST_F(MicrophoneTest, ASpeakerStopsAtTheSameTimesWhereverItsCyclesBegin) {
  soak::AsyncRun run({.duration = 60s, .reconnect_every = 6s, .seed = 1});
  std::vector<nanoseconds> turns;

  run.drive([&](Cycle& cycle) -> Task<> {
    SlowClient client(run);
    client.on_turn = [&] { turns.push_back(run.elapsed()); };
    co_await sleep_for(300ms);
    co_await stream_microphone(client, cycle, {.frame = 40ms});
  });
  run.verdict();

  ASSERT_GE(turns.size(), 9u);
  for (const nanoseconds at : turns) {
    EXPECT_LT(at % 5s, 40ms) << at / 1ms;  // A multiple of five seconds, and the frame that was due then.
  }
}

// As after a network's failure: each of them reconnects within a second.
TEST_F(MicrophoneTest, SessionsThatReconnectTogetherDoNotAllStopAtOnce) {
  constexpr int kSessions = 100;
  soak::AsyncRun run({.duration = 44s, .reconnect_every = 60s, .sessions = kSessions, .open_floor = 0, .seed = 1});
  std::map<std::int64_t, int> turns_by_second;

  run.drive([&](Cycle& cycle) -> Task<> {
    co_await sleep_for(8s + 10ms * cycle.session() - run.elapsed());
    SlowClient client(run);
    client.on_turn = [&] { ++turns_by_second[run.elapsed() / 1s]; };
    co_await stream_microphone(client, cycle);
  });
  run.verdict();

  for (std::int64_t second = 10; second < 15; ++second) {
    EXPECT_NEAR(turns_by_second[second], kSessions / 5, 3) << second;
  }
}

TEST_F(MicrophoneTest, ManySpeakersDoNotStopAtOnce) {
  soak::AsyncRun run({.duration = 12s, .reconnect_every = 60s, .sessions = 200, .seed = 1});
  std::map<std::int64_t, int> turns_in_100ms;

  run.drive([&](Cycle& cycle) -> Task<> {
    SlowClient client(run);
    client.on_turn = [&] { ++turns_in_100ms[run.elapsed() / 100ms]; };
    Task<> streaming = stream_microphone(client, cycle);
    co_await std::move(streaming);
  });
  run.verdict();

  int turns = 0;
  int most = 0;
  for (const auto& [at, count] : turns_in_100ms) {
    turns += count;
    most = std::max(most, count);
  }
  EXPECT_GT(turns, 300);
  EXPECT_LE(most, 10);  // Of 200 that begin within 0.6 s.
}

TEST_F(MicrophoneTest, AnOptionOfTheCommandLineBeatsTheFrameInCode) {
  ::setenv("SOAK_AUDIO_INTERVAL", "100ms", 1);
  soak::AsyncRun run(ten_seconds());
  ::unsetenv("SOAK_AUDIO_INTERVAL");
  SlowClient client(run);

  drive(run, client, {.frame = 40ms});
  run.verdict();

  EXPECT_EQ(client.sent_at.size(), 100u);
  EXPECT_EQ(client.bytes, 4800u);
}

TEST_F(MicrophoneTest, TheFrameInCodeIsInTheReport) {
  soak::AsyncRun run(ten_seconds());
  SlowClient client(run);

  drive(run, client, {.frame = 20ms});
  run.verdict();

  EXPECT_THAT(run.record().settings,
              testing::Contains(testing::AllOf(testing::Field(&report::Setting::name, "audio_interval"),
                                               testing::Field(&report::Setting::value, "20ms"),
                                               testing::Field(&report::Setting::source, "code"))));
}

}  // namespace
}  // namespace soak::voice

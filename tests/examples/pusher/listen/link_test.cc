// SPDX-License-Identifier: Apache-2.0
// The link to the pusher: when it connects, what it sends and in what order, and what waits while the pusher is away.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pusher/listen/flows.h"
#include "pusher/listen/options.h"
#include "pusher/listen/pusher_link.h"
#include "soak/circuit_breaker.h"
#include "soak/event_loop.h"
#include "soak/log.h"
#include "tests/examples/pusher/listen/pusher_peer.h"

namespace pusher::listen::tests {
namespace {

using namespace std::chrono_literals;
using soak::Instant;
using soak::Task;
using testing::ElementsAre;
using testing::SizeIs;

constexpr std::uint32_t kRate = 16000;

class LinkTest : public testing::Test {
 protected:
  LinkTest() {
    soak::set_log_sink([](const soak::LogRecord&) {});
  }
  ~LinkTest() override {
    link.reset();
    soak::set_log_sink(nullptr);
  }

  void run(const std::function<Task<>()>& body) {
    link = std::make_unique<PusherLink>(loop, limits, flows, breaker, peer.url() + "/v1/trigger/listen", 1);
    link->start();
    loop.run(body());
  }

  // `duration` of audio that begins at that second of the recording.
  void add_audio(const std::string& conversation, double at, std::chrono::nanoseconds duration) {
    PusherLink::StartTime start;
    start.recording = at;
    start.wall = 1'000'000 + at;
    link->add_audio(conversation, start, std::string(pusher::audio_bytes(duration, kRate), '\x01'), kRate);
  }

  std::uint64_t audio_received() const {
    std::uint64_t bytes = 0;
    for (const Audio& audio : peer.all<Audio>()) {
      bytes += audio.pcm.size();
    }
    return bytes;
  }

  soak::VirtualLoop loop;
  LinkLimits limits;
  Flows flows;
  soak::CircuitBreaker breaker{loop, {.label = "test", .failure_threshold = 1000}};
  PusherPeer peer{loop};
  std::unique_ptr<PusherLink> link;
};

TEST_F(LinkTest, SixAttemptsThenDegradedForAMinuteThenOneProbeAMinute) {
  peer.away = true;
  run([&]() -> Task<> {
    co_await soak::sleep_for(1ms);
    EXPECT_EQ(link->state(), LinkState::kReconnectBackoff);
    while (link->state() != LinkState::kDegraded) {
      co_await soak::sleep_for(100ms);
    }
    const std::size_t attempts = peer.attempts.size();
    EXPECT_EQ(attempts, 1u + 6u);
    double base = 1;
    for (std::size_t i = 1; i < attempts; ++i, base *= 2) {
      const double pause = std::chrono::duration<double>(peer.attempts[i] - peer.attempts[i - 1]).count();
      EXPECT_GE(pause, 0.75 * base);
      EXPECT_LE(pause, 1.25 * base + 0.01);
    }
    co_await soak::sleep_for(130s);
    EXPECT_EQ(peer.attempts.size(), attempts + 2);
    if (peer.attempts.size() == attempts + 2) {
      EXPECT_NEAR(std::chrono::duration<double>(peer.attempts[attempts] - peer.attempts[attempts - 1]).count(), 60,
                  0.1);
      EXPECT_NEAR(std::chrono::duration<double>(peer.attempts[attempts + 1] - peer.attempts[attempts]).count(), 60,
                  0.1);
    }
    peer.away = false;
    co_await soak::sleep_for(60s);
    EXPECT_EQ(link->state(), LinkState::kConnected);
    EXPECT_EQ(peer.attempts.size(), attempts + 3);
  });
}

TEST_F(LinkTest, AnOpenCircuitGoesStraightToDegraded) {
  soak::CircuitBreaker open(loop, {.label = "test", .failure_threshold = 1});
  { open.begin().fail("down"); }
  const auto body = [&]() -> Task<> {
    PusherLink other(loop, limits, flows, open, peer.url(), 2);
    other.start();
    co_await soak::sleep_for(1ms);
    EXPECT_EQ(other.state(), LinkState::kDegraded);
    EXPECT_THAT(peer.attempts, SizeIs(0));
    co_await soak::sleep_for(61s);
    EXPECT_EQ(other.state(), LinkState::kConnected);
    Task<> closing = other.close();
    co_await std::move(closing);
  };
  loop.run(body());
}

TEST_F(LinkTest, APusherThatIsBeingReplacedIsNoFailureForTheCircuitBreaker) {
  soak::CircuitBreaker strict(loop, {.label = "test", .failure_threshold = 1});
  peer.draining = true;
  const auto body = [&]() -> Task<> {
    PusherLink other(loop, limits, flows, strict, peer.url(), 2);
    other.start();
    co_await soak::sleep_for(10s);
    EXPECT_EQ(strict.state(), soak::CircuitState::kClosed);
    EXPECT_GE(peer.attempts.size(), 8u);  // About one a second.
    peer.draining = false;
    co_await soak::sleep_for(2s);
    EXPECT_EQ(other.state(), LinkState::kConnected);
    Task<> closing = other.close();
    co_await std::move(closing);
  };
  loop.run(body());
}

TEST_F(LinkTest, WhileThePusherIsAwayTheOldestOf1000Segments10MiBAnd50SamplesAreDroppedAndCounted) {
  peer.away = true;
  run([&]() -> Task<> {
    for (int i = 0; i < 1001; ++i) {
      link->add_segment("c1", R"({"n":)" + std::to_string(i) + "}");
    }
    for (int i = 0; i < 51; ++i) {
      SpeakerSample sample;
      sample.person_id = std::to_string(i);
      sample.conversation_id = "c1";
      sample.segment_ids.emplace_back("s");
      link->add_sample(std::move(sample));
    }
    for (int i = 0; i < 11; ++i) {
      add_audio("c1", i * 32.768, 32768ms);  // 1 MiB each.
    }
    EXPECT_EQ(flows.of(Flow::kSegments).dropped, 1u);
    EXPECT_EQ(flows.of(Flow::kSamples).dropped, 1u);
    EXPECT_EQ(flows.of(Flow::kAudio).dropped, 1u << 20);

    peer.away = false;
    co_await soak::sleep_for(5s);
    co_await link->flush_audio();
    co_await link->flush_transcripts();
    co_await soak::sleep_for(1s);
    std::size_t segments = 0;
    for (const Transcript& transcript : peer.all<Transcript>()) {
      segments += transcript.segments;
    }
    EXPECT_EQ(segments, 1000u);
    if (!peer.all<Transcript>().empty()) {
      EXPECT_EQ(peer.all<Transcript>().front().segments_json.substr(0, 9), R"([{"n":1},)");
    }
    EXPECT_THAT(peer.all<SpeakerSample>(), SizeIs(50));
    EXPECT_EQ(audio_received(), 10u << 20);
    EXPECT_EQ(flows.of(Flow::kAudio).held() + flows.of(Flow::kSegments).held() + flows.of(Flow::kSamples).held(), 0u);
  });
}

TEST_F(LinkTest, OneFrameForEachRunOfAConversationAndTheConversationBeforeIt) {
  run([&]() -> Task<> {
    co_await soak::sleep_for(1ms);
    add_audio("c1", 0, 1s);
    add_audio("c1", 1.0009, 1s);  // Within a millisecond.
    add_audio("c1", 2.002, 1s);   // A gap of 1.1 ms.
    add_audio("c2", 3.01, 1s);
    co_await link->flush_audio();
    co_await soak::sleep_for(1s);
    std::vector<std::string> frames;
    for (const PusherPeer::Received& one : peer.received) {
      if (const auto* change = std::get_if<Conversation>(&one.frame)) {
        frames.push_back("conversation " + change->id);
      } else if (const auto* audio = std::get_if<Audio>(&one.frame)) {
        frames.push_back("audio " + std::to_string(audio->pcm.size() / 32000) + " s");
      }
    }
    EXPECT_THAT(frames, ElementsAre("conversation c1", "audio 2 s", "audio 1 s", "conversation c2", "audio 1 s"));
    EXPECT_EQ(peer.all<Audio>()[1].start_seconds, 2.002);
  });
}

TEST_F(LinkTest, WithoutAnAckIn4SecondsTheStartTimesAreThoseOfTheWallClock) {
  peer.ack = false;
  run([&]() -> Task<> {
    add_audio("c1", 5, 1s);
    co_await soak::sleep_for(3900ms);
    co_await link->flush_audio();
    co_await soak::sleep_for(50ms);
    EXPECT_THAT(peer.received, SizeIs(0));
    co_await soak::sleep_for(150ms);
    co_await link->flush_audio();
    co_await soak::sleep_for(1s);
    EXPECT_THAT(peer.all<Audio>(), SizeIs(1));
    EXPECT_EQ(peer.all<Audio>().at(0).start_seconds, 1'000'005);
  });
}

TEST_F(LinkTest, InMidRecordingAudioIsWithheldWithoutAnAckAndTheRecordingGoesOn) {
  run([&]() -> Task<> {
    co_await soak::sleep_for(20s);
    peer.ack = false;
    peer.close_all(1001);
    co_await soak::sleep_for(7s);
    EXPECT_EQ(link->state(), LinkState::kConnected);
    add_audio("c1", 5, 1s);
    link->add_segment("c1", "{}");
    co_await link->flush_audio();
    co_await link->flush_transcripts();
    co_await soak::sleep_for(1s);
    EXPECT_THAT(peer.all<Audio>(), SizeIs(0));
    EXPECT_THAT(peer.all<Transcript>(), SizeIs(1));

    peer.send(AudioTimelineAck{3});  // Of a version that nobody knows.
    co_await soak::sleep_for(1s);
    co_await link->flush_audio();
    co_await soak::sleep_for(1s);
    EXPECT_THAT(peer.all<Audio>(), SizeIs(0));

    peer.send(AudioTimelineAck{});
    co_await soak::sleep_for(1s);
    co_await link->flush_audio();
    co_await soak::sleep_for(1s);
    EXPECT_THAT(peer.all<Audio>(), SizeIs(1));
    EXPECT_EQ(peer.all<Audio>().at(0).start_seconds, 5);
  });
}

TEST_F(LinkTest, AfterAReconnectAllPendingConversationsAreAskedForAgainAndTheConversationIsNamedAgain) {
  run([&]() -> Task<> {
    co_await soak::sleep_for(1ms);
    link->finalize("c0", "en");
    add_audio("c1", 0, 1s);
    co_await link->flush_audio();
    co_await link->flush_transcripts();
    co_await soak::sleep_for(20s);
    EXPECT_THAT(peer.all<Finalize>(), SizeIs(1));
    peer.close_all(1001);
    co_await soak::sleep_for(2s);
    EXPECT_THAT(peer.all<Finalize>(), SizeIs(2));
    add_audio("c1", 1, 1s);
    co_await link->flush_audio();
    co_await soak::sleep_for(1s);
    EXPECT_THAT(peer.all<Conversation>(), SizeIs(2));

    Finalized answer;
    answer.conversation_id = "c0";
    answer.success = true;
    peer.send(answer);
    co_await soak::sleep_for(1s);
    EXPECT_FALSE(link->is_pending("c0"));
  });
}

TEST_F(LinkTest, AFrameThatCouldNotBeSentGoesBackToTheFront) {
  run([&]() -> Task<> {
    co_await soak::sleep_for(1ms);
    peer.set_reading(false);
    for (int i = 0; i < 4; ++i) {
      add_audio("c1", i * 40.0, 30s);  // With gaps: a frame each, of almost a megabyte.
    }
    co_await link->flush_audio();  // Waits for the socket, until the ping timeout ends it.
    const std::uint64_t kept = flows.of(Flow::kAudio).held();
    EXPECT_GT(kept, 0u);
    EXPECT_EQ(flows.of(Flow::kAudio).dropped, 0u);
    add_audio("c1", 1000, 1s);
    co_await soak::sleep_for(10s);
    co_await link->flush_audio();
    co_await soak::sleep_for(1s);
    EXPECT_EQ(flows.of(Flow::kAudio).held(), 0u);
    EXPECT_EQ(peer.all<Audio>().back().start_seconds, 1000);
    // What the lost connection may have delivered is counted.
    EXPECT_EQ(flows.of(Flow::kAudio).unconfirmed + audio_received(), flows.of(Flow::kAudio).sent);
  });
}

TEST_F(LinkTest, CloseSendsAudioThenTranscriptsThenClosesWith1000) {
  run([&]() -> Task<> {
    co_await soak::sleep_for(1ms);
    link->add_segment("c1", "{}");
    add_audio("c1", 0, 1s);
    co_await link->close();
    EXPECT_THAT(peer.closed_with, ElementsAre(1000));
    EXPECT_THAT(peer.received, SizeIs(3));
    EXPECT_TRUE(std::holds_alternative<Audio>(peer.received.at(1).frame));
    EXPECT_TRUE(std::holds_alternative<Transcript>(peer.received.at(2).frame));
  });
  EXPECT_EQ(flows.of(Flow::kAudio).unconfirmed, 0u);  // The reply to our close confirms it.
}

TEST_F(LinkTest, CloseEndsAReconnectAtOnceAndWhatWaitsIsDroppedAndCounted) {
  peer.away = true;
  run([&]() -> Task<> {
    add_audio("c1", 0, 1s);
    co_await soak::sleep_for(20s);
    const Instant before = loop.now();
    co_await link->close();
    EXPECT_EQ(loop.now(), before);
  });
  link.reset();
  EXPECT_EQ(flows.of(Flow::kAudio).dropped, 32000u);
}

}  // namespace
}  // namespace pusher::listen::tests

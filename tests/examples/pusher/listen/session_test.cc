// SPDX-License-Identifier: Apache-2.0
// Listen as a whole, in virtual time: who gets a session, what its eleven tasks do and when, and how it ends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "soak/net/http_client.h"
#include "tests/examples/pusher/listen/listen_fixture.h"
#include "tests/examples/pusher/listen/pusher_peer.h"

namespace pusher::listen::tests {
namespace {

using namespace std::chrono_literals;
using soak::Instant;
using soak::Task;
using soak::net::CloseStatus;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class SessionTest : public ListenFixture {
 protected:
  // Answers for the kinds of request named here.
  void answer(std::string kind, std::string text) {
    stores.body = [kind = std::move(kind), text = std::move(text)](const StorePeer::Request& request) {
      return request.kind == kind ? text : std::string();
    };
  }

  std::vector<std::string> kinds_of_tasks() const {
    std::vector<std::string> names;
    for (const soak::TaskReport& task : loop.tasks()) {
      const std::size_t dash = task.name.rfind("-1");
      if (dash != std::string::npos && dash + 2 == task.name.size()) {
        names.push_back(task.name.substr(0, dash));
      }
    }
    return names;
  }

  // At once if nothing is left to do.
  Task<std::chrono::nanoseconds> time_until_gone() {
    const Instant began = loop.now();
    while (service->active() > 0 && loop.now() - began < 5min) {
      co_await soak::sleep_for(1us);
    }
    co_return loop.now() - began;
  }
};

// With a pusher that keeps every frame instead of the real one.
class SessionWithPeerTest : public SessionTest {
 protected:
  SessionWithPeerTest() { options.pusher_url = peer.url(); }

  std::uint64_t audio_received() const {
    std::uint64_t bytes = 0;
    for (const Audio& audio : peer.all<Audio>()) {
      bytes += audio.pcm.size();
    }
    return bytes;
  }

  PusherPeer peer{loop};
};

TEST_F(SessionWithPeerTest, HasElevenTasksTwoOfWhichAreFinite) {
  stores.body = [](const StorePeer::Request& request) {
    return request.kind == "people" || request.kind == "pending-conversations" ? R"({"ids":["x"]})" : "";
  };
  run([&](Listen&) -> Task<> {
    VoiceClient client = co_await connect();
    co_await client.stream(1s);
    std::vector<std::string> names = kinds_of_tasks();
    for (const char* other : {"session", "message", "pusher_link", "pusher_peer", "speech"}) {
      names.erase(std::remove(names.begin(), names.end(), other), names.end());
    }
    EXPECT_THAT(names, UnorderedElementsAre("receive", "client_heartbeat", "pusher_heartbeat", "usage",
                                            "pending_conversations", "speaker_identification", "speech_audio",
                                            "transcripts", "pusher_audio", "pusher_transcripts", "photos"));
    co_await client.close();
  });
}

TEST_F(SessionTest, TheEndOfTheFiniteTasksEndsNothing) {
  run([&](Listen& listen) -> Task<> {
    VoiceClient client = co_await connect();
    co_await client.stream(30s);
    const std::vector<std::string> names = kinds_of_tasks();
    EXPECT_EQ(std::count(names.begin(), names.end(), "pending_conversations"), 0);
    EXPECT_EQ(std::count(names.begin(), names.end(), "speaker_identification"), 0);
    EXPECT_EQ(listen.active(), 1);
    co_await client.close();
  });
}

TEST_F(SessionTest, TellsTheClientItsStatusUntilItIsReady) {
  run([&](Listen&) -> Task<> {
    VoiceClient client = co_await connect();
    for (const char* status : {"initiating", "processing", "stt_initiating", "ready"}) {
      const std::string event = co_await client.text();
      EXPECT_EQ(event, std::string(R"({"type":"service_status","status":")") + status + R"("})");
    }
    co_await client.close();
  });
}

TEST_F(SessionTest, WhatIsSaidComesBackAndReachesTheStores) {
  run([&](Listen&) -> Task<> {
    VoiceClient client = co_await connect();
    co_await client.stream(10s);
    const std::string segments = co_await client.text_with("segments");
    EXPECT_THAT(segments, HasSubstr("hello"));
    co_await client.close();
    co_await soak::sleep_for(10s);
  });
  EXPECT_EQ(speech.audio_bytes(), 320000u);
  EXPECT_EQ(stores.kept("private-cloud").bytes, 320000u);
  EXPECT_GT(stores.kept("integrations").items, 0u);
  EXPECT_EQ(stores.kept("conversations").items, 1u);
  EXPECT_THAT(disagreements(behind->ledger(), stores), IsEmpty());
  EXPECT_EQ(count(Flow::kAudio).sent, 320000u);
  EXPECT_EQ(count(Flow::kSegments).sent, 5u);
}

// The early returns that leaked the gauge of the incident, and a few more.
TEST_F(SessionTest, AConnectionThatIsTurnedAwayNeverTouchesTheGauge) {
  stores.script = [](const StorePeer::Request& request) {
    return request.path == "/v1/users/nobody" ? StoreAnswer::kGone
           : request.path == "/v1/users/slow" ? StoreAnswer::kSlow
           : request.path == "/v1/users/hung" ? StoreAnswer::kHang
                                              : StoreAnswer::kStore;
  };
  stores.slow = 5s;
  run([&](Listen& listen) -> Task<> {
    const std::string long_uid(129, 'u');
    for (const auto& [query, code, reason] : std::vector<std::tuple<std::string, int, std::string>>{
             {"language=en&sample_rate=16000", 1008, "Bad uid"},
             {"uid=" + long_uid + "&sample_rate=16000", 1008, "Bad uid"},
             {"uid=u1&language=tlh&sample_rate=16000", 1008, "Unsupported language"},
             {"uid=u1&sample_rate=7999", 1008, "Invalid sample rate"},
             {"uid=u1&sample_rate=16000&channels=3", 1008, "Invalid channels"},
             {"uid=u1&sample_rate=16000&conversation_timeout=x", 1008, "Invalid conversation timeout"},
             {"uid=nobody&sample_rate=16000", 1008, "Missing user"},
             {"uid=hung&sample_rate=16000", 1011, "Try again"}}) {
      VoiceClient client = co_await connect(query);
      const CloseStatus status = co_await client.closed();
      EXPECT_EQ(status.code, code) << query;
      EXPECT_EQ(status.reason, reason) << query;
      EXPECT_EQ(listen.active(), 0) << query;
    }
    VoiceClient gone = co_await connect("uid=slow&sample_rate=16000");
    gone.vanish();
    co_await soak::sleep_for(20s);
    EXPECT_EQ(listen.active(), 0);
    EXPECT_EQ(listen.open_connections(), 0u);
    EXPECT_EQ(speech.connections(), 0u);
  });
  stores.release_hung();
}

TEST_F(SessionTest, MoreSessionsThanAllowedAreTurnedAwayWith1013) {
  options.limits.sessions_max = 1;
  run([&](Listen& listen) -> Task<> {
    VoiceClient first = co_await connect();
    VoiceClient second = co_await connect();
    const CloseStatus status = co_await second.closed();
    EXPECT_EQ(status.code, 1013);
    co_await soak::sleep_for(1s);
    EXPECT_EQ(listen.active(), 1);
    co_await first.close();
  });
}

TEST_F(SessionTest, PingsEveryTenSecondsAnd90SecondsWithoutAudioEndTheSessionWith1001) {
  run([&](Listen&) -> Task<> {
    VoiceClient client = co_await connect();
    co_await client.stream(3s);
    const Instant silent = loop.now();
    std::vector<Instant> pings;
    CloseStatus status;
    for (;;) {
      try {
        const std::string text = co_await client.text();
        if (text == "ping") {
          pings.push_back(loop.now());
        }
      } catch (const soak::net::ConnectionClosed& closed) {
        status = closed.status();
        break;
      }
    }
    EXPECT_GE(pings.size(), 8u);
    for (std::size_t i = 1; i < pings.size(); ++i) {
      EXPECT_EQ(pings[i] - pings[i - 1], 10s);
    }
    EXPECT_EQ(status.code, 1001);
    EXPECT_GE(loop.now() - silent, 88s);   // The last audio was sent a second before.
    EXPECT_LE(loop.now() - silent, 100s);  // A look every ten seconds.
  });
}

TEST_F(SessionTest, WithoutAnyMessageFor300SecondsTheSessionEndsWith1011) {
  options.limits.audio_silence = 1h;
  run([&](Listen&) -> Task<> {
    VoiceClient client = co_await connect();
    co_await soak::sleep_for(100s);
    co_await client.send_text("pong");
    const Instant silent = loop.now();
    const CloseStatus status = co_await client.closed();
    EXPECT_EQ(status.code, 1011);
    EXPECT_GE(loop.now() - silent, 300s);
    EXPECT_LE(loop.now() - silent, 306s);
  });
}

TEST_F(SessionWithPeerTest, HeartbeatsToThePusherEvery20SecondsAndFlushesEverySecond) {
  run([&](Listen&) -> Task<> {
    VoiceClient client = co_await connect();
    co_await client.stream(61s, 100ms);
    co_await client.close();
  });
  const std::vector<Instant> beats = peer.times<Heartbeat>();
  ASSERT_THAT(beats, SizeIs(3));
  EXPECT_EQ(beats[1] - beats[0], 20s);
  EXPECT_EQ(beats[2] - beats[1], 20s);
  const std::vector<Instant> audio = peer.times<Audio>();
  ASSERT_GE(audio.size(), 60u);
  EXPECT_EQ(audio[20] - audio[19], 1s);
  const std::vector<Instant> transcripts = peer.times<Transcript>();
  ASSERT_GE(transcripts.size(), 20u);
  EXPECT_EQ(transcripts[11] - transcripts[10], 2s);  // As often as speech to text has something.
}

TEST_F(SessionTest, ReportsUsageEvery60SecondsAndAtTheEnd) {
  run([&](Listen&) -> Task<> {
    VoiceClient client = co_await connect();
    co_await client.stream(130s);
    co_await client.close();
    co_await soak::sleep_for(5s);
  });
  const std::vector<StorePeer::Request> reports = stores.of("usage");
  ASSERT_THAT(reports, SizeIs(3));
  EXPECT_EQ(reports[1].at - reports[0].at, 60s);
  double seconds = 0;
  for (const StorePeer::Request& one : reports) {
    seconds += std::stod(one.body);
  }
  EXPECT_EQ(seconds, 130);
}

TEST_F(SessionTest, WhenSpeechToTextDiesTheClientIsToldAndTheSessionEndsWith1011) {
  run([&](Listen& listen) -> Task<> {
    VoiceClient client = co_await connect();
    co_await client.stream(3s);
    speech.die(1011);
    const std::string event = co_await client.text_with("stt_unavailable");
    const CloseStatus status = co_await client.closed();
    EXPECT_EQ(status.code, 1011);
    EXPECT_EQ(status.reason, "transcription_service_unavailable");
    co_await soak::sleep_for(3s);
    EXPECT_EQ(listen.active(), 0);
    // What was said so far is not lost.
    EXPECT_EQ(stores.kept("private-cloud").bytes, 96000u);
  });
}

TEST_F(SessionTest, WhenSpeechToTextRefusesOrHangsTheSessionEndsWith1011) {
  speech.refuse = true;
  run([&](Listen&) -> Task<> {
    VoiceClient refused = co_await connect();
    const CloseStatus status = co_await refused.closed();
    EXPECT_EQ(status.code, 1011);
    speech.refuse = false;

    VoiceClient client = co_await connect();
    co_await client.stream(3s);
    speech.hang();
    const Instant hung = loop.now();
    Task<> streaming = client.stream(60s);
    try {
      co_await std::move(streaming);
    } catch (const soak::net::ConnectionClosed& closed) {
      EXPECT_EQ(closed.status().code, 1011);
    }
    EXPECT_LE(loop.now() - hung, 50s);  // A ping every 20 s, and 20 s for its pong.
  });
}

TEST_F(SessionWithPeerTest, TheRestOfTheMixGoesToThePusherBeforeItIsClosed) {
  run([&](Listen& listen) -> Task<> {
    VoiceClient client = co_await connect();
    const std::string ready = co_await client.text_with("initiating");
    co_await client.send_audio(5050ms);  // Blocks of 100 ms: half of one is left.
    co_await client.send_audio(20ms);
    co_await client.close();
    while (listen.active() > 0) {
      co_await soak::sleep_for(1ms);
    }
    EXPECT_EQ(audio_received(), client.audio_sent());
    EXPECT_THAT(peer.closed_with, ElementsAre(1000));
    EXPECT_THAT(peer.times<Audio>(), testing::Each(testing::Le(peer.closed_at)));
    EXPECT_EQ(speech.audio_bytes(), client.audio_sent());
  });
  EXPECT_EQ(count(Flow::kAudio).dropped, 0u);
  EXPECT_EQ(count(Flow::kSegments).dropped, 0u);
}

TEST_F(SessionWithPeerTest, TwoChannelsAreMixedAndTheRestOfTheLongerOneIsKept) {
  run([&](Listen& listen) -> Task<> {
    VoiceClient client = co_await connect("uid=u1&sample_rate=16000&channels=2");
    const std::string ready = co_await client.text_with("initiating");
    const std::string second(32000, '\x01');
    const std::string first_channel = std::string(1, '\x00') + second;
    const std::string other_channel = std::string(1, '\x01') + second.substr(0, 16000);
    co_await client.socket().send_binary(first_channel);
    co_await client.socket().send_binary(other_channel);
    co_await client.close();
    while (listen.active() > 0) {
      co_await soak::sleep_for(1ms);
    }
    EXPECT_EQ(audio_received(), 32000u);
    if (!peer.all<Audio>().empty()) {
      EXPECT_EQ(peer.all<Audio>()[0].pcm[0], 2);
      EXPECT_EQ(peer.all<Audio>().back().pcm.back(), 1);
    }
  });
}

TEST_F(SessionWithPeerTest, AConversationEndsAfter120SecondsOfSilenceLookedForEvery5) {
  run([&](Listen&) -> Task<> {
    const Instant began = loop.now();
    VoiceClient client = co_await connect();
    co_await client.stream(2s);
    const Instant said = peer.times<Transcript>().empty() ? loop.now() : peer.times<Transcript>().front();
    speech.silent = true;
    co_await client.stream(119s);
    EXPECT_THAT(peer.all<Finalize>(), IsEmpty());
    co_await client.stream(10s);
    EXPECT_THAT(peer.all<Finalize>(), SizeIs(1));
    if (!peer.all<Finalize>().empty()) {
      EXPECT_GE(peer.times<Finalize>().front() - said, 119s);
      EXPECT_LE(peer.times<Finalize>().front() - said, 127s);
      EXPECT_EQ(std::chrono::round<std::chrono::seconds>(peer.times<Finalize>().front() - began), 125s);
      EXPECT_EQ(peer.all<Finalize>()[0].conversation_id, peer.all<Conversation>()[0].id);
    }
    EXPECT_THAT(peer.all<Conversation>(), SizeIs(2));  // The audio since belongs to a new one.
    co_await client.close();
  });
}

TEST_F(SessionWithPeerTest, AClientMayAskForASilenceFrom120SecondsTo4Hours) {
  options.limits.audio_silence = 10h;
  options.limits.receive_timeout = 10h;
  run([&](Listen&) -> Task<> {
    VoiceClient brief = co_await connect("uid=u1&sample_rate=16000&conversation_timeout=1");
    VoiceClient patient = co_await connect("uid=u2&sample_rate=16000&conversation_timeout=999999");
    co_await brief.stream(2s);
    co_await patient.stream(2s);
    co_await soak::sleep_for(100s);
    EXPECT_THAT(peer.all<Finalize>(), IsEmpty());
    co_await soak::sleep_for(30s);
    EXPECT_THAT(peer.all<Finalize>(), SizeIs(1));
    peer.answers = true;
    co_await soak::sleep_for(4h - 3min);
    const std::size_t before = peer.all<Finalize>().size();
    co_await soak::sleep_for(4min);
    EXPECT_EQ(peer.all<Finalize>().size(), before + 1);
    co_await brief.close();
    co_await patient.close();
  });
}

TEST_F(SessionWithPeerTest, ConversationsOfBeforeAreSentAgainUntilTheyAreAnswered) {
  answer("pending-conversations", R"({"ids":["old1","old2"]})");
  speech.silent = true;
  run([&](Listen& listen) -> Task<> {
    VoiceClient client = co_await connect();
    co_await client.stream(150s);
    EXPECT_THAT(peer.all<Finalize>(), SizeIs(4));  // Each after 120 s once more.
    peer.answers = true;
    co_await client.stream(120s);
    EXPECT_THAT(peer.all<Finalize>(), SizeIs(6));
    co_await client.stream(300s);
    EXPECT_THAT(peer.all<Finalize>(), SizeIs(6));
    EXPECT_EQ(listen.active(), 1);
    co_await client.close();
  });
  EXPECT_EQ(count(Flow::kFinalisations).sent, 2u);
}

TEST_F(SessionWithPeerTest, AtItsEndASessionAsksForTheEndOfItsConversation) {
  run([&](Listen&) -> Task<> {
    VoiceClient client = co_await connect();
    co_await client.stream(4s);
    co_await client.close();
    co_await soak::sleep_for(10s);
    EXPECT_THAT(peer.all<Finalize>(), SizeIs(1));
    EXPECT_THAT(peer.closed_with, ElementsAre(1000));
  });
}

TEST_F(SessionWithPeerTest, KnownSpeakersAreIdentifiedFromTheLast60SecondsOfAudio) {
  stores.body = [](const StorePeer::Request& request) {
    return request.kind == "people" ? R"({"ids":["p1"]})" : request.kind == "speaker-match" ? "p1" : "";
  };
  run([&](Listen&) -> Task<> {
    VoiceClient client = co_await connect();
    co_await client.stream(6s);
    co_await soak::sleep_for(2s);
    EXPECT_THAT(stores.of("speaker-match"), SizeIs(3));
    if (!stores.of("speaker-match").empty()) {
      EXPECT_EQ(stores.of("speaker-match")[0].body.size(), 64000u);
    }
    EXPECT_THAT(peer.all<SpeakerSample>(), SizeIs(3));

    // A segment of 59 s is within the ring, one of 61 s is not.
    speech.segment_every = 1h;
    VoiceClient later = co_await connect("uid=u2&language=en&sample_rate=16000");
    co_await soak::sleep_for(1s);
    co_await later.stream(59s);
    co_await later.close();
    co_await soak::sleep_for(5s);
    EXPECT_THAT(stores.of("speaker-match"), SizeIs(4));
    VoiceClient too_late = co_await connect("uid=u3&language=en&sample_rate=16000");
    co_await soak::sleep_for(1s);
    co_await too_late.stream(61s);
    co_await too_late.close();
    co_await soak::sleep_for(5s);
    EXPECT_THAT(stores.of("speaker-match"), SizeIs(4));
    co_await client.close();
  });
}

TEST_F(SessionWithPeerTest, AHundredSegmentsWaitForTheirSpeaker) {
  stores.body = [](const StorePeer::Request& request) { return request.kind == "people" ? R"({"ids":["p1"]})" : ""; };
  stores.script = [](const StorePeer::Request& request) {
    return request.kind == "speaker-match" ? StoreAnswer::kHang : StoreAnswer::kStore;
  };
  options.stores.timeout = 24h;
  speech.segment_every = 100ms;
  run([&](Listen&) -> Task<> {
    VoiceClient client = co_await connect();
    co_await soak::sleep_for(1s);
    co_await client.stream(11s, 100ms);  // 110 segments: one with the store, 100 wait.
    EXPECT_EQ(count(Flow::kSpeakers).accepted, 110u);
    EXPECT_EQ(count(Flow::kSpeakers).dropped, 9u);
    stores.script = nullptr;
    stores.release_hung();
    co_await client.close();
  });
}

TEST_F(SessionWithPeerTest, AnAssignedSpeakerIsASample) {
  run([&](Listen&) -> Task<> {
    VoiceClient client = co_await connect();
    co_await client.send_text(R"({"type":"speaker_assigned","person_id":"p9","segment_ids":["s1","s2"]})");
    co_await client.stream(3s);
    EXPECT_THAT(peer.all<SpeakerSample>(), SizeIs(1));
    co_await client.close();
  });
}

TEST_F(SessionTest, APhotoIsPutTogetherAndStored) {
  run([&](Listen&) -> Task<> {
    VoiceClient client = co_await connect();
    co_await client.send_text(R"({"type":"image_chunk","id":"a","index":1,"total":2,"data":"def"})");
    co_await client.send_text(R"({"type":"image_chunk","id":"a","index":0,"total":2,"data":"abc"})");
    co_await client.stream(3s);
    co_await client.close();
  });
  ASSERT_THAT(stores.of("photos"), SizeIs(1));
  EXPECT_EQ(stores.of("photos")[0].body, "abcdef");
}

TEST_F(SessionTest, WhatIsNoMessageEndsTheSessionWith1003) {
  run([&](Listen& listen) -> Task<> {
    for (const char* text : {"hello", "{}", R"({"type":"image_chunk"})"}) {
      VoiceClient client = co_await connect();
      co_await client.send_text(text);
      const CloseStatus status = co_await client.closed();
      EXPECT_EQ(status.code, 1003) << text;
    }
    VoiceClient odd = co_await connect();
    co_await odd.socket().send_binary("abc");
    const CloseStatus status = co_await odd.closed();
    EXPECT_EQ(status.code, 1003);
    co_await soak::sleep_for(1s);
    EXPECT_EQ(listen.active(), 0);
  });
}

TEST_F(SessionTest, AClientThatDoesNotReadEndsWithinTenSecondsOfItsFullSocket) {
  speech.segment_every = 1ms;
  run([&](Listen& listen) -> Task<> {
    VoiceClient client = co_await connect();
    co_await soak::sleep_for(1s);
    client.socket().set_reading(false);
    const Instant began = loop.now();
    while (listen.active() > 0 && loop.now() - began < 2min) {
      try {
        co_await client.send_audio(1s);
      } catch (const soak::net::ConnectionClosed&) {
      }
      co_await soak::sleep_for(1s);
    }
    EXPECT_EQ(listen.active(), 0);
    EXPECT_LE(loop.now() - began, 60s);
  });
}

// Five of its tasks sleep: for 1, 1, 10, 20 and 60 s.
TEST_F(SessionTest, PollersWakeInTheInstantInWhichTheClientVanishes) {
  run([&](Listen& listen) -> Task<> {
    VoiceClient client = co_await connect();
    co_await soak::sleep_for(12345ms);  // In the middle of every interval.
    EXPECT_EQ(listen.active(), 1);
    client.vanish();
    const std::chrono::nanoseconds took = co_await time_until_gone();
    EXPECT_LE(took, 100us);
  });
}

TEST_F(SessionTest, AShutdownTellsTheSessionsAndLosesNothing) {
  std::uint64_t sent = 0;
  run([&](Listen& listen) -> Task<> {
    VoiceClient client = co_await connect();
    co_await client.stream(5s, 100ms);
    co_await client.send_audio(70ms);
    sent = client.audio_sent();
    listen.stop();
    const CloseStatus status = co_await client.closed();
    EXPECT_EQ(status.code, 1001);
    co_await soak::sleep_for(10s);
    EXPECT_FALSE(listen.ready());
  });
  EXPECT_TRUE(report.sessions.clean());
  EXPECT_LE(report.took, 7s);
  EXPECT_EQ(stores.kept("private-cloud").bytes, sent);
  EXPECT_EQ(count(Flow::kAudio).dropped, 0u);
}

TEST_F(SessionTest, TasksHaveThirtySecondsToFlushAfterTheClientHasLeft) {
  options.stores.timeout = 24h;
  stores.script = [](const StorePeer::Request& request) {
    return request.kind == "usage" ? StoreAnswer::kHang : StoreAnswer::kStore;
  };
  run([&](Listen& listen) -> Task<> {
    VoiceClient client = co_await connect();
    co_await client.stream(3s);
    client.vanish();
    co_await soak::sleep_for(29900ms);
    EXPECT_EQ(listen.active(), 1);
    co_await soak::sleep_for(200ms);
    EXPECT_EQ(listen.active(), 0);
  });
}

TEST_F(SessionTest, TheConstantsAreThoseOfTheService) {
  const Limits limits;
  EXPECT_EQ(limits.drain_grace, 5s);             // Needs a task that swallows its cancellation; none here does.
  EXPECT_EQ(limits.conversation_silence, 2min);  // The same as the least that a client may ask for.
}

TEST_F(SessionTest, AShutdownTakesDrainAndGraceAtMostThoughEverythingHangs) {
  options.stores.timeout = 24h;
  options.limits.client_send_timeout = 24h;
  speech.ignore_finish = true;
  std::vector<VoiceClient> clients;
  run([&](Listen& listen) -> Task<> {
    for (int i = 0; i < 3; ++i) {
      clients.push_back(co_await connect());
      co_await clients.back().stream(3s);
      co_await clients.back().send_text(R"({"type":"image_chunk","id":"a","index":0,"total":1,"data":"def"})");
    }
    stores.script = [](const StorePeer::Request&) { return StoreAnswer::kHang; };
    for (VoiceClient& client : clients) {
      client.socket().set_reading(false);
    }
    speech.hang();
    listen.stop();
    co_await soak::sleep_for(36s);
    EXPECT_EQ(listen.active(), 0);
    stores.script = nullptr;
    stores.release_hung();
  });
  EXPECT_GT(report.took, 5s);
  EXPECT_LE(report.took, 35s);
  for (std::size_t i = 0; i < kFlows; ++i) {
    EXPECT_EQ(count(static_cast<Flow>(i)).held(), 0u) << label_of(static_cast<Flow>(i)).view();
  }
}

TEST_F(SessionTest, ServesItsMetricsAndItsState) {
  run([&](Listen& listen) -> Task<> {
    soak::net::HttpClient http(loop);
    VoiceClient client = co_await connect("uid=user-secret-7&sample_rate=16000");
    co_await soak::sleep_for(1s);
    const soak::net::HttpResponse ready =
        co_await http.send(soak::net::HttpRequest("GET", listen.health_url() + "/readyz"));
    EXPECT_EQ(ready.status, 200);
    const soak::net::HttpResponse metrics =
        co_await http.send(soak::net::HttpRequest("GET", listen.health_url() + "/metrics"));
    for (const char* name : {"listen_active_ws_connections 1", "listen_dropped_total{flow=\"audio\"}",
                             "async_sessions{label=\"listen\"} 1"}) {
      EXPECT_THAT(metrics.body, HasSubstr(name));
    }
    EXPECT_EQ(metrics.body.find("user-secret-7"), std::string::npos);
    co_await client.close();
  });
}

TEST_F(SessionTest, SurvivesThePusherBeingAwayAndLosesNothing) {
  run([&](Listen& listen) -> Task<> {
    VoiceClient client = co_await connect();
    co_await client.stream(20s);
    behind->stop();
    co_await client.stream(10s);
    EXPECT_EQ(listen.active(), 1);
    EXPECT_EQ(count(Flow::kAudio).dropped, 0u);
    EXPECT_GT(count(Flow::kAudio).held(), 0u);
    co_await client.close();
  });
  EXPECT_EQ(count(Flow::kAudio).held(), 0u);
  EXPECT_GT(count(Flow::kAudio).dropped, 0u);  // It did not come back.
}

}  // namespace
}  // namespace pusher::listen::tests

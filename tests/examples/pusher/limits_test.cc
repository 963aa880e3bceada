// SPDX-License-Identifier: Apache-2.0
// Every constant of the service, by what a client and the stores see of it: each test fails if its constant changes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "pusher_fixture.h"

namespace pusher::tests {
namespace {

using namespace std::chrono_literals;
using soak::Task;
using testing::IsEmpty;
using testing::SizeIs;

class LimitsTest : public PusherFixture {
 protected:
  LimitsTest() {
    // Each test switches on what it is about.
    options.user.private_cloud = false;
    options.user.audio_app = false;
    options.user.audio_webhook = 0s;
    options.user.transcript_webhook = false;
    options.user.integrations = 0;
    options.stores.timeout = 24h;
  }

  void hang(std::string kind) {
    stores.script = [kind](const StorePeer::Request& request) {
      return request.kind == kind ? StoreAnswer::kHang : StoreAnswer::kStore;
    };
  }

  // What arrived at the stores, after every test.
  ~LimitsTest() override {
    if (ledger != nullptr) {
      EXPECT_THAT(disagreements(*ledger, stores), IsEmpty());
    }
  }

  static Task<> send_transcript(ListenClient& client, std::string memory_id = "") {
    Transcript transcript;
    transcript.segments_json = R"([{"text":"hi"}])";
    transcript.memory_id = std::move(memory_id);
    return client.send(transcript);
  }

  static Task<> send_sample(ListenClient& client) {
    SpeakerSample sample;
    sample.person_id = "p1";
    sample.conversation_id = "c1";
    sample.segment_ids.emplace_back("s1");
    return client.send(sample);
  }

  static Task<> enter(ListenClient& client, std::string conversation) {
    return client.send(Conversation{std::move(conversation)});
  }
};

TEST_F(LimitsTest, AChunkIsSixtySecondsOfAudioAndIsUploadedWithinASecond) {
  options.user.private_cloud = true;
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await enter(client, "c1");
    co_await client.send_audio(59900ms);
    co_await soak::sleep_for(10s);
    EXPECT_THAT(stores.of("private-cloud"), IsEmpty());

    co_await client.send_audio(100ms);
    const soak::Instant sent = loop.now();
    co_await soak::sleep_for(1100ms);

    EXPECT_THAT(stores.of("private-cloud"), SizeIs(1));
    if (!stores.of("private-cloud").empty()) {
      const StorePeer::Request chunk = stores.of("private-cloud")[0];
      EXPECT_EQ(chunk.path, "/v1/private-cloud/c1");
      EXPECT_EQ(chunk.body.size(), 16000u * 2 * 60);
      EXPECT_LE(chunk.at - sent, 1s);
    }
    co_await client.close();
  });
}

TEST_F(LimitsTest, TheUploaderLooksEachSecond) {
  options.user.private_cloud = true;
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await enter(client, "c1");
    co_await client.send_audio(60s);
    while (stores.of("private-cloud").empty()) {
      co_await soak::sleep_for(10ms);
    }
    co_await client.send_audio(60s);
    co_await soak::sleep_for(2s);

    const std::vector<StorePeer::Request> chunks = stores.of("private-cloud");
    EXPECT_THAT(chunks, SizeIs(2));
    if (chunks.size() == 2) {
      EXPECT_EQ(chunks[1].at - chunks[0].at, 1s);
    }
    co_await client.close();
  });
}

TEST_F(LimitsTest, AChangeOfConversationFlushesTheOldOnesAudioFirst) {
  options.user.private_cloud = true;
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await enter(client, "c1");
    co_await client.send_audio(2s);
    co_await enter(client, "c2");
    co_await client.send_audio(1s);
    co_await client.close();
    co_await soak::sleep_for(3s);
  });

  const std::vector<StorePeer::Request> chunks = stores.of("private-cloud");
  ASSERT_THAT(chunks, SizeIs(2));
  EXPECT_EQ(chunks[0].path, "/v1/private-cloud/c1");
  EXPECT_EQ(chunks[0].body.size(), 64000u);
  EXPECT_EQ(chunks[1].path, "/v1/private-cloud/c2");  // The rest, as one last chunk.
  EXPECT_EQ(chunks[1].body.size(), 32000u);
}

TEST_F(LimitsTest, ATranscriptDoesNotChangeTheSessionsConversation) {
  options.user.private_cloud = true;
  options.user.transcript_webhook = true;
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await enter(client, "c1");
    co_await client.send_audio(1s);
    co_await send_transcript(client, "other");
    co_await send_transcript(client);
    co_await client.send_audio(1s);
    co_await client.close();
    co_await soak::sleep_for(3s);
  });

  ASSERT_THAT(stores.of("private-cloud"), SizeIs(1));
  EXPECT_EQ(stores.of("private-cloud")[0].path, "/v1/private-cloud/c1");
  ASSERT_THAT(stores.of("transcript-webhook"), SizeIs(2));
  EXPECT_THAT(stores.of("transcript-webhook")[0].body, testing::HasSubstr(R"("memory_id":"other")"));
  EXPECT_THAT(stores.of("transcript-webhook")[1].body, testing::HasSubstr(R"("memory_id":"c1")"));
}

TEST_F(LimitsTest, ABatchIsUploadedWhenItsOldestChunkIsSixtySecondsOld) {
  options.user.private_cloud = true;
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await enter(client, "c1");
    co_await client.send_audio(1s);
    co_await enter(client, "c2");
    const soak::Instant sent = loop.now();
    co_await soak::sleep_for(70s);

    EXPECT_THAT(stores.of("private-cloud"), SizeIs(1));
    if (!stores.of("private-cloud").empty()) {
      EXPECT_GE(stores.of("private-cloud")[0].at - sent, 60s);
      EXPECT_LE(stores.of("private-cloud")[0].at - sent, 62s);
    }
    co_await client.close();
  });
}

TEST_F(LimitsTest, AnUploadIsTriedThreeTimesAndAtOnceWhenTheSessionEnds) {
  options.user.private_cloud = true;
  stores.script = [](const StorePeer::Request&) { return StoreAnswer::kFail; };
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await enter(client, "c1");
    co_await client.send_audio(1s);
    co_await client.close();
    co_await soak::sleep_for(3s);
    EXPECT_EQ(service.active(), 0);
  });

  const std::vector<StorePeer::Request> tries = stores.of("private-cloud");
  ASSERT_THAT(tries, SizeIs(3));
  EXPECT_EQ(tries[0].key, tries[2].key);
  EXPECT_LE(tries[2].at - tries[0].at, 100ms);
  EXPECT_EQ(ledger->dropped(Place::kPrivateCloudPending, DropReason::kFailed), (Tally{1, 32000}));
}

TEST_F(LimitsTest, AnUploadThatFailsInMidSessionIsTriedAgainAfterAMinute) {
  options.user.private_cloud = true;
  int failures = 2;
  stores.script = [&](const StorePeer::Request&) { return failures-- > 0 ? StoreAnswer::kFail : StoreAnswer::kStore; };
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await enter(client, "c1");
    co_await client.send_audio(60s);
    co_await soak::sleep_for(150s);
    co_await client.close();
  });

  const std::vector<StorePeer::Request> tries = stores.of("private-cloud");
  ASSERT_THAT(tries, SizeIs(3));
  EXPECT_GE(tries[1].at - tries[0].at, 60s);
  EXPECT_LE(tries[1].at - tries[0].at, 62s);
  EXPECT_EQ(ledger->stored(Sink::kPrivateCloud).bytes, 1920000u);
}

TEST_F(LimitsTest, TheChunkQueueHasTwentyAndDropsItsOldest) {
  options.user.private_cloud = true;
  hang("private-cloud");
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await enter(client, "first");
    co_await client.send_audio(60s);
    co_await soak::sleep_for(2s);  // The worker hangs in its upload.
    for (int i = 0; i < 23; ++i) {
      co_await enter(client, "c" + std::to_string(i));
      co_await client.send_audio(100ms);
    }
    co_await enter(client, "last");
    co_await soak::sleep_for(1s);

    EXPECT_EQ(service.ledger().dropped(Place::kPrivateCloud, DropReason::kFull), (Tally{3, 9600}));
    co_await client.close();
  });
}

TEST_F(LimitsTest, TwentyConversationsWaitForTheirUploadAndTheOldestIsDropped) {
  options.user.private_cloud = true;
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    for (int i = 0; i < 24; ++i) {
      co_await enter(client, "c" + std::to_string(i));
      co_await client.send_audio(100ms);
      co_await soak::sleep_for(1500ms);
    }
    co_await enter(client, "last");
    co_await soak::sleep_for(1500ms);

    EXPECT_EQ(service.ledger().dropped(Place::kPrivateCloudPending, DropReason::kFull), (Tally{4, 12800}));
    co_await client.close();
    co_await soak::sleep_for(3s);
  });

  EXPECT_THAT(stores.of("private-cloud"), SizeIs(20));
}

TEST_F(LimitsTest, TheChunksOfADeletedConversationAreDropped) {
  options.user.private_cloud = true;
  stores.script = [](const StorePeer::Request&) { return StoreAnswer::kGone; };
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await enter(client, "c1");
    co_await client.send_audio(60s);
    co_await soak::sleep_for(2s);
    co_await client.send_audio(60s);
    co_await soak::sleep_for(2s);
    co_await client.close();
  });

  EXPECT_THAT(stores.of("private-cloud"), SizeIs(1));
  EXPECT_EQ(ledger->dropped(Sink::kPrivateCloud).bytes, 2u * 1920000);
}

TEST_F(LimitsTest, ASessionHoldsTwentyMebibytesInAllItsQueuesAndBuffers) {
  options.user.private_cloud = true;
  hang("private-cloud");
  constexpr std::size_t kMiB = std::size_t{1} << 20;
  Audio megabyte;
  megabyte.pcm.assign(kMiB, '\x01');
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service, "uid=u1&sample_rate=48000");
    co_await enter(client, "c1");
    for (int i = 0; i < 20; ++i) {
      co_await client.send(megabyte);
    }
    co_await soak::sleep_for(2s);
    EXPECT_EQ(service.ledger().held().bytes, 20 * kMiB);
    EXPECT_EQ(service.ledger().dropped(Sink::kPrivateCloud), Tally{});

    co_await client.send(megabyte);
    co_await soak::sleep_for(2s);
    EXPECT_EQ(service.ledger().held().bytes, 20 * kMiB);
    EXPECT_EQ(service.ledger().dropped(Place::kPrivateCloudBuffer, DropReason::kBudget), (Tally{1, kMiB}));
    co_await client.close();
  });
}

TEST_F(LimitsTest, TranscriptsAreFlushedEachSecond) {
  options.user.transcript_webhook = true;
  run([&](Pusher& service) -> Task<> {
    const soak::Instant began = loop.now();
    ListenClient client = co_await connect(service);
    co_await soak::sleep_for(200ms);
    co_await send_transcript(client);
    co_await soak::sleep_for(200ms);
    co_await send_transcript(client);
    co_await soak::sleep_for(2s);

    const std::vector<StorePeer::Request> sent = stores.of("transcript-webhook");
    EXPECT_THAT(sent, SizeIs(2));
    for (const StorePeer::Request& request : sent) {
      EXPECT_GE(request.at - began, 1s);
      EXPECT_LE(request.at - began, 1100ms);
    }
    co_await client.close();
  });
}

TEST_F(LimitsTest, TheTranscriptQueueHasFifty) {
  options.user.transcript_webhook = true;
  hang("transcript-webhook");
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await send_transcript(client);
    co_await soak::sleep_for(2s);  // The worker hangs with it.
    for (int i = 0; i < 53; ++i) {
      co_await send_transcript(client);
    }
    co_await soak::sleep_for(1s);

    EXPECT_EQ(service.ledger().dropped(Place::kTranscript, DropReason::kFull).items, 3u);
    co_await client.close();
  });
}

TEST_F(LimitsTest, AllSessionsTogetherCallFiftyIntegrationsAtOnce) {
  options.user.integrations = 50;
  stores.slow = 1s;
  stores.script = [](const StorePeer::Request&) { return StoreAnswer::kSlow; };
  run([&](Pusher& service) -> Task<> {
    std::vector<ListenClient> clients;
    for (int i = 0; i < 3; ++i) {
      clients.push_back(co_await connect(service));
      co_await send_transcript(clients.back());
    }
    co_await soak::sleep_for(10s);
    for (ListenClient& client : clients) {
      co_await client.close();
    }
  });

  EXPECT_EQ(stores.at_once_max("integrations"), 50u);
  EXPECT_EQ(ledger->stored(Sink::kIntegrations).items, 150u);
  EXPECT_EQ(ledger->dropped(Place::kTranscript, DropReason::kFailed), Tally{});
}

TEST_F(LimitsTest, OneFailingIntegrationCostsItselfAlone) {
  options.user.integrations = 3;
  options.user.transcript_webhook = true;
  stores.script = [](const StorePeer::Request& request) {
    return request.path == "/v1/integrations/1" ? StoreAnswer::kGone : StoreAnswer::kStore;
  };
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await send_transcript(client);
    co_await soak::sleep_for(2s);
    EXPECT_EQ(service.active(), 1);
    co_await client.close();
  });

  EXPECT_EQ(ledger->stored(Sink::kIntegrations).items, 2u);
  EXPECT_EQ(ledger->dropped(Place::kTranscript, DropReason::kFailed).items, 1u);
  EXPECT_EQ(ledger->uncertain(Sink::kIntegrations), Tally{});  // The store has refused it.
  EXPECT_EQ(ledger->stored(Sink::kTranscriptWebhook).items, 1u);
}

TEST_F(LimitsTest, ASampleIsStoredAtTheFirstLookEvery15SecondsAtWhichItIs120SecondsOld) {
  run([&](Pusher& service) -> Task<> {
    const soak::Instant began = loop.now();
    ListenClient client = co_await connect(service);
    co_await soak::sleep_for(1s);
    co_await send_sample(client);
    co_await soak::sleep_for(13900ms);
    co_await send_sample(client);
    co_await soak::sleep_for(150s);

    const std::vector<StorePeer::Request> stored = stores.of("speaker-samples");
    EXPECT_THAT(stored, SizeIs(2));
    for (const StorePeer::Request& request : stored) {
      EXPECT_GE(request.at - began, 135s);
      EXPECT_LE(request.at - began, 135100ms);
    }
    co_await client.close();
  });
}

TEST_F(LimitsTest, NoSampleIsTooYoungWhenTheSessionEnds) {
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await send_sample(client);
    co_await client.close();
    co_await soak::sleep_for(100ms);
    EXPECT_THAT(stores.of("speaker-samples"), SizeIs(1));
  });
}

TEST_F(LimitsTest, TheSampleQueueHasAHundred) {
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    for (int i = 0; i < 104; ++i) {
      co_await send_sample(client);
    }
    co_await soak::sleep_for(1s);
    EXPECT_EQ(service.ledger().dropped(Place::kSpeakerSample, DropReason::kFull).items, 4u);
    co_await client.close();
  });
}

TEST_F(LimitsTest, MoreThanFourSecondsOfAudioTriggerTheAppAtOnce) {
  options.user.audio_app = true;
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await client.send_audio(4s);
    co_await soak::sleep_for(3s);
    EXPECT_THAT(stores.of("audio-app"), IsEmpty());

    co_await client.send_audio(1ms);
    const soak::Instant sent = loop.now();
    co_await soak::sleep_for(1ms);

    EXPECT_THAT(stores.of("audio-app"), SizeIs(1));
    if (!stores.of("audio-app").empty()) {
      EXPECT_EQ(stores.of("audio-app")[0].at, sent);  // The same instant: nothing polls.
      EXPECT_EQ(stores.of("audio-app")[0].body.size(), 128032u);
    }
    co_await client.close();
  });
}

TEST_F(LimitsTest, TheAudioBytesQueueHasTwenty) {
  options.user.audio_app = true;
  hang("audio-app");
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await client.send_audio(4100ms);
    co_await soak::sleep_for(1s);
    for (int i = 0; i < 23; ++i) {
      co_await client.send_audio(4100ms);
    }
    co_await soak::sleep_for(1s);
    EXPECT_EQ(service.ledger().dropped(Place::kAudioBytes, DropReason::kFull), (Tally{3, 3u * 131200}));
    co_await client.close();
  });
}

TEST_F(LimitsTest, WorkersHaveThirtySecondsToFlushAfterTheClientHasLeft) {
  options.user.private_cloud = true;
  hang("private-cloud");
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await enter(client, "c1");
    co_await client.send_audio(1s);
    client.vanish();
    co_await soak::sleep_for(29900ms);
    EXPECT_EQ(service.active(), 1);
    EXPECT_THAT(service.sessions_without_connection(), SizeIs(1));
    co_await soak::sleep_for(200ms);
    EXPECT_EQ(service.active(), 0);
  });

  EXPECT_EQ(ledger->dropped(Place::kPrivateCloudPending, DropReason::kSessionEnded).bytes, 32000u);
}

TEST_F(LimitsTest, TheConstantsAreThoseOfTheService) {
  const Limits limits;
  EXPECT_EQ(limits.receive_timeout, 300s);
  EXPECT_EQ(limits.drain_timeout, 30s);
  EXPECT_EQ(limits.drain_grace, 5s);  // Needs a task that swallows its cancellation; no worker here does.
}

class FinalisationTest : public PusherFixture {
 protected:
  static Task<> ask(ListenClient& client, std::string conversation, std::int64_t generation = 0) {
    Finalize finalize;
    finalize.conversation_id = std::move(conversation);
    finalize.finalization_job_id = "job";
    finalize.dispatch_generation = generation;
    return client.send(finalize);
  }
};

TEST_F(FinalisationTest, TheJobOutlivesItsConnectionAndAnswersWhoeverAsksAgain) {
  stores.slow = 20s;
  stores.script = [](const StorePeer::Request&) { return StoreAnswer::kSlow; };
  run([&](Pusher& service) -> Task<> {
    ListenClient first = co_await connect(service);
    co_await ask(first, "c1", 7);
    co_await soak::sleep_for(1s);
    first.vanish();
    co_await soak::sleep_for(5s);
    EXPECT_EQ(service.active(), 0);

    ListenClient second = co_await connect(service);
    co_await ask(second, "c1", 7);
    const Finalized answer = co_await second.finalized();
    EXPECT_TRUE(answer.success);
    EXPECT_EQ(answer.dispatch_generation, 7);
    co_await ask(second, "c1", 7);
    const Finalized again = co_await second.finalized();
    EXPECT_EQ(again, answer);
    co_await ask(second, "c1", 6);
    const Finalized stale = co_await second.finalized();
    EXPECT_TRUE(stale.fenced);
    EXPECT_FALSE(stale.success);
    co_await second.close();
  });

  EXPECT_THAT(stores.of("conversations"), SizeIs(1));
}

TEST_F(FinalisationTest, WhatIsStoredByTheSecondTryIsASuccess) {
  stores.script = [this](const StorePeer::Request&) {
    return stores.of("conversations").size() < 2 ? StoreAnswer::kFail : StoreAnswer::kStore;
  };
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await ask(client, "c1");
    const Finalized answer = co_await client.finalized();
    EXPECT_TRUE(answer.success);
    EXPECT_EQ(answer.error, "");
    co_await client.close();
  });

  EXPECT_THAT(stores.of("conversations"), SizeIs(2));
}

TEST_F(FinalisationTest, ConversationsWithoutAJobsIdAreStoredEach) {
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    for (const char* conversation : {"c1", "c2"}) {
      Finalize finalize;
      finalize.conversation_id = conversation;
      co_await client.send(finalize);
      const Finalized answer = co_await client.finalized();
      EXPECT_TRUE(answer.success);
    }
    co_await client.close();
  });

  const std::vector<StorePeer::Request> stored = stores.of("conversations");
  ASSERT_THAT(stored, SizeIs(2));
  EXPECT_NE(stored[0].key, stored[1].key);
}

TEST_F(FinalisationTest, ThreeTriesASecondApartAndThenTheError) {
  stores.script = [](const StorePeer::Request&) { return StoreAnswer::kFail; };
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await ask(client, "c1");
    const Finalized answer = co_await client.finalized();
    EXPECT_FALSE(answer.success);
    EXPECT_FALSE(answer.terminal);
    EXPECT_THAT(answer.error, testing::HasSubstr("503"));
    co_await client.close();
  });

  const std::vector<StorePeer::Request> tries = stores.of("conversations");
  ASSERT_THAT(tries, SizeIs(3));
  EXPECT_EQ(tries[2].at - tries[0].at, 2s);
}

TEST_F(FinalisationTest, TriesAgainAtOnceWhenTheServiceStops) {
  stores.script = [](const StorePeer::Request&) { return StoreAnswer::kFail; };
  options.limits.job_retry_interval = 20s;
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await ask(client, "c1");
    co_await soak::sleep_for(1s);
    EXPECT_THAT(stores.of("conversations"), SizeIs(1));
    client.vanish();
  });

  EXPECT_THAT(stores.of("conversations"), SizeIs(3));
  EXPECT_LE(report.took, 2s);
}

TEST_F(FinalisationTest, WhatTheStoreDecidesIsTheAnswer) {
  StoreAnswer next = StoreAnswer::kLeased;
  stores.script = [&](const StorePeer::Request&) { return next; };
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await ask(client, "c1");
    const Finalized leased = co_await client.finalized();
    EXPECT_EQ(leased.error, "job_leased");
    next = StoreAnswer::kFenced;
    co_await ask(client, "c2");
    const Finalized fenced = co_await client.finalized();
    EXPECT_TRUE(fenced.fenced);
    next = StoreAnswer::kGone;
    co_await ask(client, "c3");
    const Finalized terminal = co_await client.finalized();
    EXPECT_TRUE(terminal.terminal);
    co_await client.close();
  });

  EXPECT_THAT(stores.of("conversations"), SizeIs(3));
}

TEST_F(FinalisationTest, JobsThatRunAreLimitedSoThatAskingUsesUpNoMemory) {
  options.limits.jobs_max = 3;
  stores.script = [](const StorePeer::Request&) { return StoreAnswer::kHang; };
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    for (int i = 0; i < 4; ++i) {
      co_await ask(client, "c" + std::to_string(i));
    }
    const Finalized refused = co_await client.finalized();
    EXPECT_EQ(refused.conversation_id, "c3");
    EXPECT_EQ(refused.error, "too many jobs");
    co_await client.close();
  });
}

}  // namespace
}  // namespace pusher::tests

// SPDX-License-Identifier: Apache-2.0
// The parts of listen that need no loop: the mix, the pending conversations, photos, pauses, messages.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "pusher/listen/client_messages.h"
#include "pusher/listen/flows.h"
#include "pusher/listen/mix.h"
#include "pusher/listen/options.h"
#include "pusher/listen/pending.h"
#include "pusher/listen/photos.h"
#include "pusher/listen/pusher_link.h"

namespace pusher::listen::tests {
namespace {

using namespace std::chrono_literals;
using soak::Instant;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string samples(const std::vector<int>& values) {
  std::string pcm;
  for (const int value : values) {
    pcm.push_back(static_cast<char>(value & 0xFF));
    pcm.push_back(static_cast<char>((value >> 8) & 0xFF));
  }
  return pcm;
}

TEST(MixTest, OneChannelPassesThroughInBlocksAndTheRestIsKept) {
  Mix mix(1, 4, 100);
  mix.add(0, samples({1, 2, 3}));
  EXPECT_EQ(mix.take_block(), samples({1, 2}));
  EXPECT_EQ(mix.take_block(), std::nullopt);
  EXPECT_EQ(mix.take_rest(), samples({3}));
  EXPECT_EQ(mix.take_rest(), "");
}

TEST(MixTest, TwoChannelsAreAddedAndSaturate) {
  Mix mix(2, 4, 100);
  mix.add(0, samples({100, 30000}));
  EXPECT_EQ(mix.take_block(), std::nullopt);
  mix.add(1, samples({-50, 30000}));
  EXPECT_EQ(mix.take_block(), samples({50, 32767}));
}

TEST(MixTest, AChannelThatFallsBehindIsTakenAsSilent) {
  Mix mix(2, 4, 8);
  mix.add(0, samples({1, 2, 3, 4, 5}));
  EXPECT_EQ(mix.take_block(), std::nullopt);
  mix.add(0, samples({6}));
  EXPECT_EQ(mix.take_block(), samples({1, 2}));
  EXPECT_EQ(mix.take_block(), std::nullopt);
  mix.add(1, samples({10}));
  EXPECT_EQ(mix.take_rest(), samples({13, 4, 5, 6}));
}

Finalize conversation(std::string id) {
  Finalize request;
  request.conversation_id = std::move(id);
  return request;
}

Finalized answer_for(std::string id) {
  Finalized answer;
  answer.conversation_id = std::move(id);
  return answer;
}

class PendingTest : public testing::Test {
 protected:
  static Instant at(std::chrono::seconds when) { return Instant(when); }

  std::size_t due(std::chrono::seconds when) { return pending.take_due(at(when)).size(); }

  Flows flows;
  LinkLimits limits;
  PendingConversations pending{flows, limits};
};

TEST_F(PendingTest, SentAgainAfter120SecondsThreeTimesThenAfter300SecondsAllOverAgain) {
  pending.add(conversation("c"), at(0s));
  std::vector<int> sent;
  for (int second = 0; second < 1600; ++second) {
    if (due(std::chrono::seconds(second)) > 0) {
      sent.push_back(second);
    }
  }
  // 480 would be the fifth of a burst: 300 s of pause instead.
  EXPECT_THAT(sent, ElementsAre(0, 120, 240, 360, 780, 900, 1020, 1140, 1560));
}

TEST_F(PendingTest, OfMoreThanAHundredTheOneSentLongestAgoIsDroppedAndCounted) {
  for (int i = 0; i < 100; ++i) {
    pending.add(conversation(std::to_string(i)), at(0s));
  }
  EXPECT_EQ(due(1s), 100u);
  pending.rearm(at(2s));
  pending.add(conversation("new"), at(3s));
  EXPECT_EQ(pending.size(), 100u);
  EXPECT_FALSE(pending.has("0"));
  EXPECT_TRUE(pending.has("1"));
  EXPECT_TRUE(pending.has("new"));
  EXPECT_EQ(flows.of(Flow::kFinalisations).dropped, 1u);
}

TEST_F(PendingTest, SuccessFencedAndTerminalEndIt) {
  for (const int kind : {0, 1, 2}) {
    pending.add(conversation("c"), at(0s));
    Finalized answer = answer_for("c");
    answer.success = kind == 0;
    answer.fenced = kind == 1;
    answer.terminal = kind == 2;
    EXPECT_TRUE(pending.answer(answer, at(1s)));
    EXPECT_EQ(pending.size(), 0u);
  }
  EXPECT_EQ(flows.of(Flow::kFinalisations).sent, 3u);
  EXPECT_EQ(flows.of(Flow::kFinalisations).held(), 0u);
}

TEST_F(PendingTest, AnAnswerOfAnotherGenerationChangesNothing) {
  Finalize request = conversation("c");
  request.dispatch_generation = 2;
  pending.add(request, at(0s));
  Finalized answer = answer_for("c");
  answer.success = true;
  answer.dispatch_generation = 1;
  EXPECT_FALSE(pending.answer(answer, at(1s)));
  EXPECT_TRUE(pending.has("c"));
}

TEST_F(PendingTest, AJobLeasedWaitsForItsTimeoutAndAnotherErrorIsDueAtOnce) {
  pending.add(conversation("c"), at(0s));
  EXPECT_EQ(due(0s), 1u);
  Finalized leased = answer_for("c");
  leased.error = "job_leased";
  pending.answer(leased, at(1s));
  EXPECT_EQ(due(119s), 0u);
  EXPECT_EQ(due(120s), 1u);

  Finalized failed = answer_for("c");
  failed.error = "the store answered 503";
  pending.answer(failed, at(121s));
  EXPECT_EQ(due(121s), 1u);
}

TEST_F(PendingTest, AFailureThatIsAnsweredAtOnceIsNotAskedForever) {
  pending.add(conversation("c"), at(0s));
  Finalized failed = answer_for("c");
  failed.error = "no";
  std::size_t sent = 0;
  for (int second = 0; second < 300; ++second) {
    const std::size_t now = due(std::chrono::seconds(second));
    sent += now;
    if (now > 0) {
      pending.answer(failed, at(std::chrono::seconds(second)));
    }
  }
  EXPECT_EQ(sent, 4u);
}

ImageChunk chunk(std::string id, int index, int total) { return {std::move(id), index, total, "data"}; }

TEST(PhotosTest, AChunkedImageIsPutTogetherInOrderAndAChunkThatComesTwiceCountsOnce) {
  Flows flows;
  const Limits limits;
  Photos photos(flows, limits);
  photos.add({"a", 1, 2, "two"}, Instant(0s));
  photos.add({"a", 1, 2, "two"}, Instant(0s));
  EXPECT_EQ(photos.complete(), 0u);
  photos.add({"a", 0, 2, "one"}, Instant(1s));
  const std::optional<Photo> photo = photos.take();
  ASSERT_TRUE(photo.has_value());
  EXPECT_EQ(photo->data, "onetwo");
}

TEST(PhotosTest, FiftyIncompleteImagesForSixtySecondsAndAHundredCompleteOnes) {
  Flows flows;
  const Limits limits;
  Photos photos(flows, limits);
  for (int i = 0; i < 51; ++i) {
    photos.add(chunk(std::to_string(i), 0, 2), Instant(0s));
  }
  EXPECT_EQ(photos.incomplete(), 50u);
  EXPECT_EQ(flows.of(Flow::kPhotos).dropped, 1u);
  photos.expire(Instant(59s));
  EXPECT_EQ(photos.incomplete(), 50u);
  photos.expire(Instant(60s));
  EXPECT_EQ(photos.incomplete(), 0u);
  EXPECT_EQ(flows.of(Flow::kPhotos).dropped, 51u);

  for (int i = 0; i < 101; ++i) {
    photos.add(chunk("p" + std::to_string(i), 0, 1), Instant(61s));
  }
  EXPECT_EQ(photos.complete(), 100u);
  EXPECT_EQ(photos.take()->id, "p1");
  EXPECT_EQ(flows.of(Flow::kPhotos).dropped, 53u);  // p1 was taken and not stored.
}

TEST(PhotosTest, AnImageThatGrowsTooLargeIsRefused) {
  Flows flows;
  Limits limits;
  limits.image_bytes_max = 6;
  Photos photos(flows, limits);
  photos.add(chunk("a", 0, 3), Instant(0s));
  EXPECT_THROW(photos.add(chunk("a", 1, 3), Instant(0s)), FrameError);
  EXPECT_EQ(photos.incomplete(), 0u);
}

TEST(ReconnectPauseTest, DoublesFromOneSecondToSixtyWithAFactorFrom075To125) {
  const LinkLimits limits;
  std::mt19937_64 random(1);
  const std::vector<double> base{1, 2, 4, 8, 16, 32, 60, 60};
  for (std::size_t attempt = 0; attempt < base.size(); ++attempt) {
    double least = 1e9;
    double most = 0;
    for (int i = 0; i < 2000; ++i) {
      const double factor =
          std::chrono::duration<double>(reconnect_pause(attempt, limits, random)).count() / base[attempt];
      least = std::min(least, factor);
      most = std::max(most, factor);
    }
    EXPECT_GE(least, 0.75);
    EXPECT_LT(least, 0.76);
    EXPECT_LE(most, 1.25);
    EXPECT_GT(most, 1.24);
  }
}

TEST(ClientMessagesTest, WhatIsNoMessageIsRefusedWithWhatIsExpected) {
  for (const auto& [text, expected] : std::vector<std::pair<std::string, std::string>>{
           {"hello", "no JSON"},
           {"[]", "expected a JSON object"},
           {R"({"type":"x"})", R"(expected "image_chunk" or "speaker_assigned")"},
           {R"({"type":"image_chunk","id":"a","index":2,"total":2,"data":""})", "index"},
           {R"({"type":"image_chunk","id":"a","index":0,"total":0,"data":""})", "total"},
           {R"({"type":"image_chunk","id":"a","index":0,"total":100000,"data":""})", "total"},
           {R"({"type":"speaker_assigned","person_id":"p","segment_ids":[1]})", "strings only"}}) {
    try {
      decode_client_message(text);
      ADD_FAILURE() << text;
    } catch (const FrameError& error) {
      EXPECT_THAT(error.what(), HasSubstr(expected)) << text;
    }
  }
}

TEST(ClientMessagesTest, SegmentsPassThroughAsTheyCame) {
  const std::vector<SpeechSegment> segments =
      decode_segments(R"({"segments":[{"id":"s1","speaker":"A","start":1.5,"end":2,"text":"h\u00e9","extra":[1]}]})");
  ASSERT_THAT(segments, SizeIs(1));
  EXPECT_EQ(segments[0].id, "s1");
  EXPECT_EQ(segments[0].start, 1.5);
  EXPECT_THAT(segments[0].json, HasSubstr(R"("extra":[1])"));
  EXPECT_THAT(encode_segments(segments), HasSubstr(segments[0].json));
  EXPECT_THAT(decode_ids(""), IsEmpty());
}

TEST(FlowsTest, AParcelThatIsDestroyedUnsentIsDroppedOnce) {
  Flows flows;
  {
    Parcel parcel(flows, Flow::kAudio, 10);
    Parcel other = std::move(parcel);
    EXPECT_EQ(flows.of(Flow::kAudio).held(), 10u);
  }
  EXPECT_EQ(flows.of(Flow::kAudio).dropped, 10u);
  Parcel sent(flows, Flow::kAudio, 5);
  sent.sent();
  EXPECT_EQ(flows.of(Flow::kAudio).sent, 5u);
  EXPECT_EQ(flows.of(Flow::kAudio).held(), 0u);
}

}  // namespace
}  // namespace pusher::listen::tests

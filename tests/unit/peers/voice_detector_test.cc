// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/voice_detector.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/peers/openai/config.h"
#include "tests/unit/peers/voice.h"

namespace soak::peers {
namespace {

constexpr int kRate = rate_of(AudioFormat::kPcm);

TEST(VoiceDetectorTest, SpeechStartsWithItsPaddingAndEndsWithItsSilenceInEachFormat) {
  for (const AudioFormat format : {AudioFormat::kPcm, AudioFormat::kPcmu, AudioFormat::kPcma}) {
    VoiceDetector detector;
    const VoiceDetection detection{.silence_ms = 200, .prefix_padding_ms = 300};
    const int rate = rate_of(format);

    EXPECT_TRUE(detector.hear(silence(1000, format), format, rate, detection).empty());
    const auto started = detector.hear(tone(500, format), format, rate, detection);
    EXPECT_TRUE(detector.hear(silence(180, format), format, rate, detection).empty());
    const auto ended = detector.hear(silence(500, format), format, rate, detection);

    ASSERT_EQ(started.size(), 1u);
    EXPECT_TRUE(started[0].speaking);
    EXPECT_EQ(started[0].ms, 700);
    ASSERT_EQ(ended.size(), 1u);
    EXPECT_FALSE(ended[0].speaking);
    EXPECT_EQ(ended[0].ms, 1700);
  }
}

TEST(VoiceDetectorTest, PauseThatIsShorterIsNoEnd) {
  VoiceDetector detector;
  const std::string audio = tone(100) + silence(400) + tone(100) + silence(400);

  EXPECT_EQ(detector.hear(audio, AudioFormat::kPcm, kRate, {.silence_ms = 500}).size(), 1u);
  EXPECT_TRUE(detector.is_speaking());
}

TEST(VoiceDetectorTest, SoundThatIsShorterIsNoStart) {
  VoiceDetector detector;
  const VoiceDetection detection{.speech_ms = 100};
  const std::string clicks = tone(80) + silence(20) + tone(80) + silence(20);

  EXPECT_TRUE(detector.hear(clicks, AudioFormat::kPcm, kRate, detection).empty());
  const auto started = detector.hear(tone(100), AudioFormat::kPcm, kRate, detection);

  ASSERT_EQ(started.size(), 1u);
  EXPECT_EQ(started[0].ms, 200);  // Where the speech began, not where there was enough of it.
}

TEST(VoiceDetectorTest, LoudnessIsHeldAgainstTheLevel) {
  const std::string quiet = quiet_tone(200);

  EXPECT_EQ(VoiceDetector().hear(quiet, AudioFormat::kPcm, kRate, {.level = 500}).size(), 1u);
  EXPECT_TRUE(VoiceDetector().hear(quiet, AudioFormat::kPcm, kRate, {.level = 900}).empty());
}

TEST(VoiceDetectorTest, TimeIsCountedAtTheRateOfEachPiece) {
  VoiceDetector detector;
  const VoiceDetection detection{.silence_ms = 200};

  detector.hear(tone(100), AudioFormat::kPcm, kRate, detection);                            // 2,400 samples.
  const auto ended = detector.hear(silence(200), AudioFormat::kPcm, kRate / 2, detection);  // 400 ms.

  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].ms, 300);
}

TEST(VoiceDetectorTest, WhoeverGoesOnSpeakingAfterAResetStartsAnew) {
  VoiceDetector detector;
  detector.hear(tone(200), AudioFormat::kPcm, kRate, {});
  detector.reset();

  const auto started = detector.hear(tone(100), AudioFormat::kPcm, kRate, {});

  ASSERT_EQ(started.size(), 1u);
  EXPECT_EQ(started[0].ms, 200);
}

TEST(VoiceDetectorTest, SwitchedOffItHearsNothing) {
  VoiceDetector detector;

  EXPECT_TRUE(detector.hear(tone(1000) + silence(1000), AudioFormat::kPcm, kRate, {.on = false}).empty());
}

TEST(VoiceDetectorTest, OfOpenAisTurnDetectionTheThresholdIsALevel) {
  openai::TurnDetection detection;
  EXPECT_EQ(detection.by_loudness().level, 500);
  EXPECT_EQ(detection.by_loudness().silence_ms, 200);
  detection.threshold = 0.9;
  EXPECT_EQ(detection.by_loudness().level, 900);
  detection.kind = openai::TurnDetection::Kind::kSemanticVad;
  EXPECT_EQ(detection.by_loudness().level, 500);
  EXPECT_EQ(detection.by_loudness().silence_ms, 500);
  detection.kind = openai::TurnDetection::Kind::kNone;
  EXPECT_FALSE(detection.by_loudness().on);
}

}  // namespace
}  // namespace soak::peers

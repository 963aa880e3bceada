// SPDX-License-Identifier: Apache-2.0
#include "openai_voice_detector.h"

#include <algorithm>
#include <cstddef>

namespace soak::peers::openai {
namespace {

constexpr double kLoudest = 1000;  // The root mean square that a threshold of 1 stands for.
constexpr std::int64_t kSemanticSilenceMs = 500;

// How far the sample at `at` is from zero, on the scale of 16 bits; its sign where that costs nothing.
int level_at(std::string_view audio, std::size_t at, AudioFormat format) {
  const auto byte = static_cast<unsigned char>(audio[at]);
  if (format == AudioFormat::kPcm) {
    const auto high = static_cast<unsigned char>(audio[at + 1]);
    return static_cast<std::int16_t>(static_cast<std::uint16_t>(byte | high << 8));
  }
  // ITU-T G.711: three bits of exponent, four of mantissa.
  const bool mu_law = format == AudioFormat::kPcmu;
  const int code = mu_law ? ~byte & 0xff : byte ^ 0x55;
  const int exponent = code >> 4 & 7;
  const int mantissa = code & 15;
  if (mu_law) return (((mantissa << 3) + 0x84) << exponent) - 0x84;
  return exponent == 0 ? (mantissa << 4) + 8 : ((mantissa << 4) + 0x108) << (exponent - 1);
}

}  // namespace

const std::vector<VoiceDetector::Change>& VoiceDetector::hear(std::string_view audio, AudioFormat format,
                                                              const TurnDetection& detection) {
  changes_.clear();
  const std::size_t step = format == AudioFormat::kPcm ? 2 : 1;
  const std::int64_t window = kWindowMs * static_cast<std::int64_t>(bytes_per_ms(format) / step);
  for (std::size_t at = 0; at + step <= audio.size(); at += step) {
    const double level = level_at(audio, at, format);
    square_sum_ += level * level;
    if (++samples_ >= window) take_window(detection);
  }
  return changes_;
}

void VoiceDetector::take_window(const TurnDetection& detection) {
  const double mean_square = square_sum_ / static_cast<double>(samples_);
  square_sum_ = 0;
  samples_ = 0;
  const std::int64_t begins = heard_ms_;
  heard_ms_ += kWindowMs;
  if (detection.kind == TurnDetection::Kind::kNone) {
    speaking_ = false;
    return;
  }
  const bool semantic = detection.kind == TurnDetection::Kind::kSemanticVad;
  const double threshold = kLoudest * (semantic ? 0.5 : detection.threshold);
  if (mean_square > threshold * threshold) {
    last_speech_ms_ = heard_ms_;
    if (speaking_) return;
    speaking_ = true;
    changes_.push_back({true, std::max<std::int64_t>(begins - (semantic ? 0 : detection.prefix_padding_ms), 0)});
    return;
  }
  const std::int64_t silence = semantic ? kSemanticSilenceMs : detection.silence_duration_ms;
  if (!speaking_ || heard_ms_ - last_speech_ms_ < silence) return;
  speaking_ = false;
  changes_.push_back({false, heard_ms_});
}

void VoiceDetector::reset() { speaking_ = false; }

}  // namespace soak::peers::openai

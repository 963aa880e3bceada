// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/voice_detector.h"

#include <algorithm>
#include <cstddef>

namespace soak::peers {
namespace {

// The sum of the squares of the samples, which are little-endian.
std::int64_t squares_of_pcm(std::string_view audio) {
  std::int64_t sum = 0;
  for (std::size_t at = 0; at + sizeof(std::int16_t) <= audio.size(); at += sizeof(std::int16_t)) {
    const auto low = static_cast<unsigned char>(audio[at]);
    const auto high = static_cast<unsigned char>(audio[at + 1]);
    const std::int32_t level = static_cast<std::int16_t>(static_cast<std::uint16_t>(low | high << 8));
    sum += level * level;
  }
  return sum;
}

// On the scale of 16 bits.
std::int64_t squares_of_g711(std::string_view audio, AudioFormat format) {
  const bool mu_law = format == AudioFormat::kPcmu;
  std::int64_t sum = 0;
  for (const char character : audio) {
    // ITU-T G.711: a sign, which does not matter here, three bits of exponent, four of mantissa.
    const auto byte = static_cast<unsigned char>(character);
    const int code = mu_law ? ~byte & 0xff : byte ^ 0x55;
    const int exponent = code >> 4 & 7;
    const int mantissa = code & 15;
    std::int64_t level = exponent == 0 ? (mantissa << 4) + 8 : ((mantissa << 4) + 0x108) << (exponent - 1);
    if (mu_law) {
      level = (((mantissa << 3) + 0x84) << exponent) - 0x84;
    }
    sum += level * level;
  }
  return sum;
}

}  // namespace

const std::vector<VoiceDetector::Change>& VoiceDetector::hear(std::string_view audio, AudioFormat format, int rate_hz,
                                                              const VoiceDetection& detection) {
  changes_.clear();
  const std::size_t step = format == AudioFormat::kPcm ? 2 : 1;
  const std::size_t window = std::max<std::size_t>(static_cast<std::size_t>(rate_hz * kWindowMs / 1000), 1);
  while (audio.size() >= step) {
    const std::size_t samples = std::min(audio.size() / step, window - std::min(window, samples_));
    const std::string_view piece = audio.substr(0, samples * step);
    square_sum_ += format == AudioFormat::kPcm ? squares_of_pcm(piece) : squares_of_g711(piece, format);
    samples_ += samples;
    audio.remove_prefix(piece.size());
    if (samples_ >= window) {
      take_window(detection);
    }
  }
  return changes_;
}

void VoiceDetector::take_window(const VoiceDetection& detection) {
  const double mean_square = static_cast<double>(square_sum_) / static_cast<double>(samples_);
  square_sum_ = 0;
  samples_ = 0;
  heard_ms_ += kWindowMs;
  if (!detection.on) {
    reset();
    return;
  }
  if (mean_square > detection.level * detection.level) {
    last_speech_ms_ = heard_ms_;
    speech_ms_ += kWindowMs;
    if (speaking_ || speech_ms_ < detection.speech_ms) {
      return;
    }
    speaking_ = true;
    const std::int64_t begins = heard_ms_ - speech_ms_;
    changes_.push_back({true, std::max<std::int64_t>(begins - detection.prefix_padding_ms, 0)});
    return;
  }
  speech_ms_ = 0;
  if (!speaking_ || heard_ms_ - last_speech_ms_ < detection.silence_ms) {
    return;
  }
  speaking_ = false;
  changes_.push_back({false, heard_ms_});
}

void VoiceDetector::reset() {
  speaking_ = false;
  speech_ms_ = 0;
}

}  // namespace soak::peers

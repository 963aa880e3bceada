// SPDX-License-Identifier: Apache-2.0
#include "pusher/listen/mix.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace pusher::listen {
namespace {

std::int32_t sample_at(std::string_view pcm, std::size_t at) {
  const auto low = static_cast<unsigned char>(pcm[at]);
  const auto high = static_cast<unsigned char>(pcm[at + 1]);
  return static_cast<std::int16_t>(static_cast<std::uint16_t>(low | (high << 8U)));
}

}  // namespace

Mix::Mix(std::size_t channels, std::size_t block_bytes, std::size_t lag_bytes_max)
    : block_bytes_(block_bytes), lag_bytes_max_(lag_bytes_max), channels_(channels) {}

void Mix::add(std::size_t channel, std::string_view pcm) { channels_[channel].append(pcm); }

std::size_t Mix::longest() const {
  std::size_t bytes = 0;
  for (const std::string& channel : channels_) {
    bytes = std::max(bytes, channel.size());
  }
  return bytes;
}

std::optional<std::string> Mix::take_block() {
  const bool complete = std::all_of(channels_.begin(), channels_.end(),
                                    [this](const std::string& channel) { return channel.size() >= block_bytes_; });
  if (!complete && longest() < block_bytes_ + lag_bytes_max_) {
    return std::nullopt;
  }
  return take(block_bytes_);
}

std::string Mix::take_rest() { return take(longest()); }

std::string Mix::take(std::size_t bytes) {
  std::string mixed;
  if (channels_.size() == 1) {
    std::string& only = channels_.front();
    mixed = only.substr(0, bytes);
    only.erase(0, bytes);
    return mixed;
  }
  mixed.resize(bytes);
  for (std::size_t at = 0; at + 1 < bytes; at += 2) {
    std::int32_t sum = 0;
    for (const std::string& channel : channels_) {
      sum += at + 1 < channel.size() ? sample_at(channel, at) : 0;
    }
    const auto sample = static_cast<std::uint16_t>(static_cast<std::int16_t>(std::clamp(sum, -32768, 32767)));
    mixed[at] = static_cast<char>(sample & 0xFFU);
    mixed[at + 1] = static_cast<char>(sample >> 8U);
  }
  for (std::string& channel : channels_) {
    channel.erase(0, std::min(bytes, channel.size()));
  }
  return mixed;
}

}  // namespace pusher::listen

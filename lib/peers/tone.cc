// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/tone.h"

#include <array>

namespace soak::peers {

// The two laws have their sign in the top bit, so one code and its opposite do.
void fill_with_tone(std::string& audio, AudioFormat format, std::int64_t from_ms, std::int64_t ms) {
  audio.resize(static_cast<std::size_t>(ms) * bytes_per_ms(format));
  const std::size_t rate = format == AudioFormat::kPcm ? 24 : 8;  // Samples per ms.
  const std::size_t half_period = rate * 5 / 4;
  const std::size_t from = static_cast<std::size_t>(from_ms) * rate;
  for (std::size_t i = 0; i < static_cast<std::size_t>(ms) * rate; ++i) {
    const bool high = (from + i) / half_period % 2 == 0;
    if (format == AudioFormat::kPcm) {
      const std::uint16_t sample = high ? 0x1000 : 0xf000;  // 4096 and -4096, little-endian.
      audio[2 * i] = static_cast<char>(sample & 0xffU);
      audio[2 * i + 1] = static_cast<char>(sample >> 8U);
    } else {
      audio[i] = static_cast<char>(high ? 0xab : 0x2b);
    }
  }
}

std::string_view word_of_tone(std::int64_t piece) {
  static constexpr std::array<std::string_view, 12> kWords = {" This", " is",  " a",    " tone", " that", " was",
                                                              " made", " for", " your", " soak", " test", "."};
  const std::string_view word = kWords[static_cast<std::size_t>(piece) % kWords.size()];
  return piece == 0 ? word.substr(1) : word;
}

}  // namespace soak::peers

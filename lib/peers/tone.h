// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_TONE_H_
#define SOAK_LIB_PEERS_TONE_H_

// What the fakes answer: a tone, and the words that stand for its transcript.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace soak::peers {

// kPcm is 16-bit little-endian mono at 24 kHz, the other two are G.711 at 8 kHz.
enum class AudioFormat : std::uint8_t { kPcm, kPcmu, kPcma };

constexpr int rate_of(AudioFormat format) { return format == AudioFormat::kPcm ? 24'000 : 8'000; }

constexpr std::size_t bytes_per_ms(AudioFormat format) { return format == AudioFormat::kPcm ? 48 : 8; }

// Puts `ms` of a square wave of 400 Hz into `audio`, in place of what it held; `from_ms` of it were there before.
void fill_with_tone(std::string& audio, AudioFormat format, std::int64_t from_ms, std::int64_t ms);

// The word that goes with a piece of it, counted from 0. Put together they are sentences, with their spaces.
std::string_view word_of_tone(std::int64_t piece);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_TONE_H_

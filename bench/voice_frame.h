// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_BENCH_VOICE_FRAME_H_
#define SOAK_BENCH_VOICE_FRAME_H_

// The frame that the voice benchmarks send: 960 bytes of PCM as base64 in JSON, 1,327 bytes, encoded anew for each. The
// programs share the encoder, so that what differs is the transport.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace soak::bench {

inline constexpr std::size_t kPcmBytes = 960;
inline constexpr std::string_view kFrameHead = R"({"type":"input_audio_buffer.append","audio":")";
inline constexpr std::string_view kFrameTail = R"("})";
inline constexpr std::size_t kFrameBytes = kFrameHead.size() + kPcmBytes / 3 * 4 + kFrameTail.size();
static_assert(kFrameBytes == 1327);
inline constexpr std::chrono::milliseconds kFrameInterval{40};

// Writes the frame, of kFrameBytes.
inline void encode_frame(const std::array<unsigned char, kPcmBytes>& pcm, char* out) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out = static_cast<char*>(std::memcpy(out, kFrameHead.data(), kFrameHead.size())) + kFrameHead.size();
  for (std::size_t i = 0; i < kPcmBytes; i += 3) {
    const unsigned bits = static_cast<unsigned>(pcm[i]) << 16 | static_cast<unsigned>(pcm[i + 1]) << 8 | pcm[i + 2];
    *out++ = kDigits[bits >> 18];
    *out++ = kDigits[bits >> 12 & 63];
    *out++ = kDigits[bits >> 6 & 63];
    *out++ = kDigits[bits & 63];
  }
  std::memcpy(out, kFrameTail.data(), kFrameTail.size());
}

}  // namespace soak::bench

#endif  // SOAK_BENCH_VOICE_FRAME_H_

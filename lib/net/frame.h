// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_FRAME_H_
#define SOAK_LIB_NET_FRAME_H_

// A WebSocket frame as bytes (RFC 6455, section 5.2). libwebsockets would mask a client's payload byte by byte, and
// read the key for each frame from the system's random device: two fifths of what a frame costs.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace soak::net {

enum class Opcode : std::uint8_t {
  kContinuation = 0x0,
  kText = 0x1,
  kBinary = 0x2,
  kClose = 0x8,
  kPing = 0x9,
  kPong = 0xA
};

using MaskKey = std::array<unsigned char, 4>;

// The most that a frame has before its payload.
inline constexpr std::size_t kFrameHeadMax = 14;

// The most that a control frame has as its payload, and what the code of a close frame leaves of it to the reason.
inline constexpr std::size_t kControlBytesMax = 125;
inline constexpr std::size_t kCloseReasonMax = kControlBytesMax - 2;

// Whether a close frame may have this code (sections 7.4.1 and 7.4.2, and the registry of IANA). 1005 is no code but
// the lack of one.
constexpr bool is_close_code(std::uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

// The payload of a close frame: empty for 1005.
std::string close_payload(std::uint16_t code, std::string_view reason);

// Masks `data`, which is the beginning of a payload, or unmasks it.
void apply_mask(char* data, std::size_t size, const MaskKey& key);

// Writes a message that is one frame to `out`, which has room for kFrameHeadMax and the payload; says how long it is. A
// client masks, a server must not.
std::size_t write_frame(unsigned char* out, Opcode opcode, std::string_view payload, std::optional<MaskKey> mask);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_FRAME_H_

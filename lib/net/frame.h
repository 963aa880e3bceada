// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_FRAME_H_
#define SOAK_LIB_NET_FRAME_H_

// A WebSocket frame as bytes (RFC 6455, section 5.2). libwebsockets would mask a client's payload byte by byte, and
// read the key for each frame from the system's random device: two fifths of what a frame costs.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace soak::net {

enum class Opcode : std::uint8_t { kText = 0x1, kBinary = 0x2, kClose = 0x8, kPing = 0x9 };

using MaskKey = std::array<unsigned char, 4>;

// The most that a frame has before its payload.
inline constexpr std::size_t kFrameHeadMax = 14;

// Writes a message that is one frame to `out`, which has room for kFrameHeadMax and the payload; says how long it is. A
// client masks, a server must not.
std::size_t write_frame(unsigned char* out, Opcode opcode, std::string_view payload, std::optional<MaskKey> mask);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_FRAME_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_FAULT_RAW_FRAME_H_
#define SOAK_FAULT_RAW_FRAME_H_

#include <cstdint>
#include <string>

namespace soak::fault {

// A WebSocket frame of a server, valid or not.
struct RawFrame {
  std::uint8_t opcode = 0x1;  // 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong; others are undefined.
  std::string payload = {};
  bool final = true;          // The last fragment of its message.
  std::uint8_t reserved = 0;  // RSV1 to RSV3 as bits 4, 2, 1. Without an extension, none may be set.
  bool masked = false;        // A server must not mask; libwebsockets accepts it anyway.
};

std::string bytes_of(const RawFrame& frame);

}  // namespace soak::fault

#endif  // SOAK_FAULT_RAW_FRAME_H_

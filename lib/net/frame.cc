// SPDX-License-Identifier: Apache-2.0
#include "lib/net/frame.h"

#include <algorithm>
#include <cstring>

#include "soak/net/websocket.h"

namespace soak::net {
namespace {

constexpr unsigned char kFinal = 0x80;
constexpr unsigned char kMasked = 0x80;
constexpr unsigned char kLength16 = 126;
constexpr unsigned char kLength64 = 127;

// Eight bytes a step, which the compiler makes wider where it can. `out` may be where the payload is.
void copy_masked(unsigned char* out, std::string_view payload, const MaskKey& key) {
  std::uint64_t wide = 0;
  std::memcpy(&wide, key.data(), key.size());
  std::memcpy(reinterpret_cast<unsigned char*>(&wide) + key.size(), key.data(), key.size());
  std::size_t at = 0;
  for (; at + sizeof wide <= payload.size(); at += sizeof wide) {
    std::uint64_t word = 0;
    std::memcpy(&word, payload.data() + at, sizeof word);
    word ^= wide;
    std::memcpy(out + at, &word, sizeof word);
  }
  for (; at < payload.size(); ++at) {
    out[at] = static_cast<unsigned char>(payload[at]) ^ key[at % key.size()];
  }
}

}  // namespace

std::string close_payload(std::uint16_t code, std::string_view reason) {
  std::string payload;
  if (code != kCloseNoStatus) {
    payload += static_cast<char>(code >> 8U);
    payload += static_cast<char>(code & 0xffU);
    payload += reason;
  }
  return payload;
}

void apply_mask(char* data, std::size_t size, const MaskKey& key) {
  copy_masked(reinterpret_cast<unsigned char*>(data), {data, size}, key);
}

std::size_t write_frame(unsigned char* out, Opcode opcode, std::string_view payload, std::optional<MaskKey> mask) {
  const std::size_t size = payload.size();
  const unsigned char masked = mask ? kMasked : 0;
  unsigned char* at = out;
  *at++ = kFinal | static_cast<unsigned char>(opcode);
  int length_bytes = 0;
  if (size < kLength16) {
    *at++ = masked | static_cast<unsigned char>(size);
  } else if (size <= 0xffff) {
    *at++ = masked | kLength16;
    length_bytes = 2;
  } else {
    *at++ = masked | kLength64;
    length_bytes = 8;
  }
  while (length_bytes-- > 0) {
    *at++ = static_cast<unsigned char>(size >> (8 * length_bytes) & 0xff);
  }
  if (mask) {
    at = std::copy(mask->begin(), mask->end(), at);
    copy_masked(at, payload, *mask);
  } else if (size > 0) {
    std::memcpy(at, payload.data(), size);
  }
  return static_cast<std::size_t>(at - out) + size;
}

}  // namespace soak::net

// SPDX-License-Identifier: Apache-2.0
#include "soak/fault/raw_frame.h"

#include <cstddef>

namespace soak::fault {

std::string bytes_of(const RawFrame& frame) {
  std::string bytes;
  const unsigned first = (frame.final ? 0x80U : 0U) | (frame.reserved & 7U) << 4U | (frame.opcode & 0xfU);
  const unsigned mask = frame.masked ? 0x80U : 0U;
  const std::size_t size = frame.payload.size();
  const auto add = [&bytes](std::uint64_t byte) { bytes += static_cast<char>(static_cast<unsigned char>(byte)); };
  add(first);
  if (size < 126) {
    add(mask | size);
  } else {
    const int length_bytes = size < 65536 ? 2 : 8;
    add(mask | (length_bytes == 2 ? 126U : 127U));
    for (int i = length_bytes - 1; i >= 0; --i) {
      add(size >> (8 * i) & 0xffU);
    }
  }
  if (frame.masked) {
    bytes.append(4, '\0');  // A mask of zeros leaves the payload as it is.
  }
  return bytes + frame.payload;
}

}  // namespace soak::fault

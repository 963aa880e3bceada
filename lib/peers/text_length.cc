// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/text_length.h"

#include <cstdint>

namespace soak::peers {
namespace {

// The bytes of the character that begins with `lead`; 0 if none does.
std::size_t bytes_of(unsigned char lead) {
  if (lead < 0x80) {
    return 1;
  }
  if (lead >= 0xc2 && lead < 0xe0) {
    return 2;
  }
  if (lead >= 0xe0 && lead < 0xf0) {
    return 3;
  }
  return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

}  // namespace

std::optional<TextLength> text_length(std::string_view text) {
  TextLength length;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t bytes = bytes_of(lead);
    if (bytes == 0 || i + bytes > text.size()) {
      return std::nullopt;
    }
    std::uint32_t character = bytes == 1 ? lead : lead & (0xffU >> (bytes + 1));
    for (std::size_t k = 1; k < bytes; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0U) != 0x80U) {
        return std::nullopt;
      }
      character = character << 6U | (next & 0x3fU);
    }
    const bool overlong = (bytes == 3 && character < 0x800) || (bytes == 4 && character < 0x10000);
    const bool surrogate = character >= 0xd800 && character < 0xe000;
    if (overlong || surrogate || character > 0x10ffff) {
      return std::nullopt;
    }
    ++length.characters;
    length.utf16_units += character >= 0x10000 ? 2 : 1;
    i += bytes;
  }
  return length;
}

std::string_view first_characters(std::string_view text, std::size_t characters) {
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    const bool begins = (static_cast<unsigned char>(text[end]) & 0xc0U) != 0x80U;
    if (begins && characters-- == 0) {
      break;
    }
  }
  return text.substr(0, end);
}

}  // namespace soak::peers

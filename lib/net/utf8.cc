// SPDX-License-Identifier: Apache-2.0
#include "lib/net/utf8.h"

#include <cstdint>
#include <cstring>

namespace soak::net {

bool is_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = at + text.size();
  while (at != end) {
    // JSON and base64 are nearly all ASCII: eight bytes a step.
    while (end - at >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, at, sizeof word);
      if ((word & 0x8080808080808080U) != 0) {
        break;
      }
      at += 8;
    }
    if (at == end) {
      break;
    }
    const unsigned char lead = *at++;
    if (lead < 0x80) {
      continue;
    }
    int more = 0;
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
      more = 1;
    } else if (lead >= 0xe0 && lead <= 0xef) {
      more = 2;
      if (lead == 0xe0) {
        low = 0xa0;  // Overlong below.
      }
      if (lead == 0xed) {
        high = 0x9f;  // Surrogates above.
      }
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      more = 3;
      if (lead == 0xf0) {
        low = 0x90;
      }
      if (lead == 0xf4) {
        high = 0x8f;  // Past U+10FFFF above.
      }
    } else {
      return false;
    }
    if (end - at < more) {
      return false;
    }
    if (*at < low || *at > high) {
      return false;
    }
    ++at;
    while (--more > 0) {
      if ((*at++ & 0xc0) != 0x80) {
        return false;
      }
    }
  }
  return true;
}

std::string_view cut_utf8(std::string_view text, std::size_t size_max) {
  if (text.size() <= size_max) {
    return text;
  }
  std::size_t size = size_max;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) {
    --size;
  }
  return text.substr(0, size);
}

}  // namespace soak::net

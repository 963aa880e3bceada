// SPDX-License-Identifier: Apache-2.0
#include "lib/text/utf8.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace soak::text {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080U;

bool continues(unsigned char byte) { return (byte & 0xC0U) == 0x80U; }

std::uint64_t eight_bytes(const unsigned char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

std::uint32_t four_bytes(const unsigned char* at) {
  return std::uint32_t{at[0]} | std::uint32_t{at[1]} << 8U | std::uint32_t{at[2]} << 16U | std::uint32_t{at[3]} << 24U;
}

// The first byte from `at` on that is not ASCII, or `end`. JSON and base64 are nearly all ASCII, so it takes 32 bytes a
// step once eight of them were.
const unsigned char* skip_ascii(const unsigned char* at, const unsigned char* end) {
  while (end - at >= 8) {
    const std::uint64_t high = eight_bytes(at) & kHighBits;
    if (high != 0) {
      if constexpr (std::endian::native == std::endian::little) {
        return at + std::countr_zero(high) / 8;
      }
      break;
    }
    at += 8;
    while (end - at >= 32 &&
           ((eight_bytes(at) | eight_bytes(at + 8) | eight_bytes(at + 16) | eight_bytes(at + 24)) & kHighBits) == 0) {
      at += 32;
    }
  }
  while (at != end && *at < 0x80) {
    ++at;
  }
  return at;
}

// The bytes of the character that begins at `at`, before `end`; 0 where none does. What RFC 3629 forbids shows in the
// first two bytes.
std::size_t character_size(const unsigned char* at, const unsigned char* end) {
  const unsigned char lead = *at;
  const std::ptrdiff_t left = end - at;
  if (lead < 0x80) {
    return 1;
  }
  if (lead < 0xE0) {
    return lead >= 0xC2 && left >= 2 && continues(at[1]) ? 2 : 0;
  }
  if (lead < 0xF0) {
    if (left < 3 || !continues(at[1]) || !continues(at[2])) {
      return 0;
    }
    const bool overlong = lead == 0xE0 && at[1] < 0xA0;
    const bool surrogate = lead == 0xED && at[1] > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (lead > 0xF4 || left < 4 || !continues(at[1]) || !continues(at[2]) || !continues(at[3])) {
    return 0;
  }
  const bool overlong = lead == 0xF0 && at[1] < 0x90;
  const bool beyond = lead == 0xF4 && at[1] > 0x8F;
  return overlong || beyond ? 0 : 4;
}

// Whether a character may begin with these bytes, which are fewer than it has.
bool begins_character(const unsigned char* at, std::size_t size) {
  const unsigned char lead = at[0];
  if (lead < 0xC2 || lead > 0xF4) {
    return false;
  }
  const std::size_t whole = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (size >= whole) {
    return false;
  }
  // Continued in the way that fits every first byte, it tells whether those that are there fit.
  unsigned char bytes[4] = {lead, 0, 0x80, 0x80};
  bytes[1] = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  for (std::size_t i = 1; i < size; ++i) {
    bytes[i] = at[i];
  }
  return character_size(bytes, bytes + whole) == whole;
}

const unsigned char* begin_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

std::size_t valid_utf8_size(std::string_view text) noexcept {
  const unsigned char* const begin = begin_of(text);
  const unsigned char* const end = begin + text.size();
  const unsigned char* at = begin;
  while ((at = skip_ascii(at, end)) != end) {
    // While four bytes are left, they are compared with the forms of RFC 3629 at once.
    while (end - at >= 4 && *at >= 0x80) {
      const std::uint32_t bytes = four_bytes(at);
      if ((bytes & 0xC0C0F0U) == 0x8080E0U) {
        const std::uint32_t tells = bytes & 0x200FU;
        if (tells == 0 || tells == 0x200DU) {  // Overlong, or a surrogate.
          return static_cast<std::size_t>(at - begin);
        }
        at += 3;
      } else if ((bytes & 0xC0E0U) == 0x80C0U && (bytes & 0x1EU) != 0) {
        at += 2;
      } else if ((bytes & 0xC0C0C0F8U) == 0x808080F0U) {
        const std::uint32_t tells = bytes & 0x3007U;
        if (tells == 0 || ((tells & 4U) != 0 && tells != 4U)) {  // Overlong, or past U+10FFFF.
          return static_cast<std::size_t>(at - begin);
        }
        at += 4;
      } else {
        return static_cast<std::size_t>(at - begin);
      }
    }
    while (at != end && *at >= 0x80) {
      const std::size_t size = character_size(at, end);
      if (size == 0) {
        return static_cast<std::size_t>(at - begin);
      }
      at += size;
    }
  }
  return text.size();
}

bool GrowingUtf8::check(std::string_view text) noexcept {
  valid_ += valid_utf8_size(text.substr(valid_));
  cut_ = text.size() - valid_;
  return cut_ == 0 || begins_character(begin_of(text) + valid_, cut_);
}

std::string repaired_utf8(std::string_view text) {
  std::string repaired;
  repaired.reserve(text.size());
  while (true) {
    const std::size_t valid = valid_utf8_size(text);
    repaired += text.substr(0, valid);
    if (valid == text.size()) {
      return repaired;
    }
    repaired += kReplacementCharacter;
    text.remove_prefix(valid + 1);
  }
}

std::optional<Utf8Length> utf8_length(std::string_view text) noexcept {
  Utf8Length length;
  const unsigned char* at = begin_of(text);
  const unsigned char* const end = at + text.size();
  while (at != end) {
    const std::size_t size = character_size(at, end);
    if (size == 0) {
      return std::nullopt;
    }
    ++length.characters;
    length.utf16_units += size == 4 ? 2 : 1;
    at += size;
  }
  return length;
}

std::string_view first_bytes(std::string_view text, std::size_t bytes_max) noexcept {
  if (text.size() <= bytes_max) {
    return text;
  }
  std::size_t size = bytes_max;
  while (size > 0 && continues(static_cast<unsigned char>(text[size]))) {
    --size;
  }
  return text.substr(0, size);
}

std::string_view first_characters(std::string_view text, std::size_t characters_max) noexcept {
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    if (!continues(static_cast<unsigned char>(text[end])) && characters_max-- == 0) {
      break;
    }
  }
  return text.substr(0, end);
}

}  // namespace soak::text

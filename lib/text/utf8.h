// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_TEXT_UTF8_H_
#define SOAK_LIB_TEXT_UTF8_H_

// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
//
// A "character" is a code point. A text that is not valid has no length and no characters; cutting one is safe, and
// cuts where its bytes say that a character begins.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace soak::text {

// How many bytes of `text` are valid, up to the first that is not, or that begins a character which is cut short.
std::size_t valid_utf8_size(std::string_view text) noexcept;

// Whether all of `text` is UTF-8.
inline bool is_utf8(std::string_view text) noexcept { return valid_utf8_size(text) == text.size(); }

// The text with U+FFFD in place of each byte that is not UTF-8.
std::string repaired_utf8(std::string_view text);

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

// How long a text is, in the two ways in which providers count; empty where it is not UTF-8.
struct Utf8Length {
  std::size_t characters = 0;
  std::size_t utf16_units = 0;  // Two for a character above U+FFFF.
};
std::optional<Utf8Length> utf8_length(std::string_view text) noexcept;

// The longest beginning of `text` that has at most this many bytes, or characters, and ends between two characters.
std::string_view first_bytes(std::string_view text, std::size_t bytes_max) noexcept;
std::string_view first_characters(std::string_view text, std::size_t characters_max) noexcept;

}  // namespace soak::text

#endif  // SOAK_LIB_TEXT_UTF8_H_

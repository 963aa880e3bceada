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

// Checks a text that grows at its end, each byte once. A text of many pieces is refused at the first byte that no more
// text can mend.
class GrowingUtf8 {
 public:
  // Whether `text`, which begins with what was checked before, is UTF-8 or may still become it.
  [[nodiscard]] bool check(std::string_view text) noexcept;
  // Whether what was checked last ends with a whole character.
  bool whole() const noexcept { return cut_ == 0; }

 private:
  std::size_t valid_ = 0;  // So many bytes are whole characters.
  std::size_t cut_ = 0;    // The bytes behind them.
};

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

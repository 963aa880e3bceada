// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_TEXT_LENGTH_H_
#define SOAK_LIB_PEERS_TEXT_LENGTH_H_

#include <cstddef>
#include <optional>
#include <string_view>

namespace soak::peers {

// How long a text is, as the providers count; empty for what is no UTF-8.
struct TextLength {
  std::size_t characters = 0;  // Code points.
  std::size_t utf16_units = 0;
};
std::optional<TextLength> text_length(std::string_view text);

// The first `characters` of a text that is UTF-8.
std::string_view first_characters(std::string_view text, std::size_t characters);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_TEXT_LENGTH_H_

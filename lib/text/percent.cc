// SPDX-License-Identifier: Apache-2.0
#include "lib/text/percent.h"

#include <cstddef>

#include "lib/text/ascii.h"

namespace soak::text {
namespace {

std::string decoded(std::string_view text, char plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out += text[i] == '+' ? plus : text[i];
  }
  return out;
}

}  // namespace

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHexDigits = "0123456789ABCDEF";  // RFC 3986 asks for capitals.
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (is_letter_or_digit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += kHexDigits[byte >> 4U];
      encoded += kHexDigits[byte & 15U];
    }
  }
  return encoded;
}

std::string percent_decode(std::string_view text) { return decoded(text, '+'); }

std::string form_decode(std::string_view text) { return decoded(text, ' '); }

}  // namespace soak::text

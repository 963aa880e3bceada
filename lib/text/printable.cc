// SPDX-License-Identifier: Apache-2.0
#include "soak/detail/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>

#include "lib/text/utf8.h"
#include "soak/detail/secrets.h"

namespace soak::text {
namespace {

constexpr std::array<std::string_view, 6> kMarkers = {"RUN", "OK", "PASSED", "FAILED", "SKIPPED", "DISABLED"};

// What GoogleTest begins its lines with: a word between brackets, with blanks around it.
struct Marker {
  std::size_t size = 0;  // 0 where `text` does not begin with one.
  std::string_view word;
};

Marker marker_at(std::string_view text) {
  if (text.front() != '[') {
    return {};
  }
  const std::size_t end = text.find_first_not_of(" ABDEFIKLNOPRSTU", 1);  // What the words are made of.
  if (end == std::string_view::npos || text[end] != ']') {
    return {};
  }
  const std::string_view inside = text.substr(1, end - 1);
  const std::size_t first = inside.find_first_not_of(' ');
  if (first == std::string_view::npos) {
    return {};
  }
  const std::string_view word = inside.substr(first, inside.find_last_not_of(' ') - first + 1);
  return std::find(kMarkers.begin(), kMarkers.end(), word) == kMarkers.end() ? Marker{} : Marker{end + 1, word};
}

bool is_control(unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; }

// U+0080 to U+009F.
bool begins_with_c1(std::string_view text) {
  return text.size() > 1 && text[0] == '\xC2' && static_cast<unsigned char>(text[1]) < 0xA0;
}

void append_escaped(std::string& to, char c) {
  switch (c) {
    case '\n':
      to += "\\n";
      return;
    case '\r':
      to += "\\r";
      return;
    default:
      fmt::format_to(std::back_inserter(to), "\\x{:02x}", static_cast<unsigned char>(c));
  }
}

// `text` is UTF-8.
void append_printable(std::string& to, std::string_view text, LineEnds line_ends) {
  while (!text.empty()) {
    const char c = text.front();
    std::size_t taken = 1;
    if (const Marker marker = marker_at(text); marker.size > 0) {
      fmt::format_to(std::back_inserter(to), "[{}]", marker.word);
      taken = marker.size;
    } else if (begins_with_c1(text)) {
      fmt::format_to(std::back_inserter(to), "\\u00{:02x}", static_cast<unsigned char>(text[1]));
      taken = 2;
    } else if (is_control(static_cast<unsigned char>(c)) && !(c == '\n' && line_ends == LineEnds::kKeep)) {
      append_escaped(to, c);
    } else {
      to += c;
    }
    text.remove_prefix(taken);
  }
}

}  // namespace

std::string printable(std::string_view from_outside, LineEnds line_ends) {
  const std::string cleared = without_secrets(from_outside);
  std::string_view text = cleared;
  std::string shown;
  shown.reserve(text.size());
  while (true) {
    const std::size_t valid = valid_utf8_size(text);
    append_printable(shown, text.substr(0, valid), line_ends);
    if (valid == text.size()) {
      return shown;
    }
    append_escaped(shown, text[valid]);
    text.remove_prefix(valid + 1);
  }
}

}  // namespace soak::text

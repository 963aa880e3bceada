// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_PRINTABLE_H_
#define SOAK_DETAIL_PRINTABLE_H_

// Text from outside, such as a close reason of a peer, for a terminal or a log. Ours: not part of the API.

#include <string>
#include <string_view>

namespace soak::text {

enum class LineEnds { kEscape, kKeep };

// `text` without secrets (soak/detail/secrets.h), and without what would steer a terminal, begin a line or pass for
// GoogleTest's own words. Control characters
// (other than the tab), DEL, the controls U+0080 to U+009F and bytes that are not UTF-8 become escapes as in C: "\n",
// "\x1b", "\u009b". A marker such as "[  SKIPPED ]", which CTest looks for, becomes "[SKIPPED]". kKeep is for a text of
// several lines.
//
// Whoever prints calls it. What is kept is the text itself, and so is what JSON and the page have, apart from secrets.
std::string printable(std::string_view text, LineEnds line_ends = LineEnds::kEscape);

}  // namespace soak::text

#endif  // SOAK_DETAIL_PRINTABLE_H_

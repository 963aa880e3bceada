// SPDX-License-Identifier: Apache-2.0
// For a RE2 that takes its own StringPiece, as Debian 12's does: GoogleTest gives it Abseil's string_view.
#include_next <re2/re2.h>

#ifndef OWN_GOOGLETEST_RE2_H_
#define OWN_GOOGLETEST_RE2_H_

#include <absl/strings/string_view.h>

namespace testing::internal {

class RE2 : public re2::RE2 {
 public:
  explicit RE2(absl::string_view pattern) : re2::RE2(piece(pattern)) {}
  static bool FullMatch(absl::string_view text, const RE2& regex) { return re2::RE2::FullMatch(piece(text), regex); }
  static bool PartialMatch(absl::string_view text, const RE2& regex) {
    return re2::RE2::PartialMatch(piece(text), regex);
  }

 private:
  static re2::StringPiece piece(absl::string_view text) { return {text.data(), text.size()}; }
};

}  // namespace testing::internal

#endif  // OWN_GOOGLETEST_RE2_H_

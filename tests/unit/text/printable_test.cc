// SPDX-License-Identifier: Apache-2.0
#include "soak/detail/printable.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace soak::text {
namespace {

using namespace std::string_view_literals;

TEST(PrintableTest, LeavesOrdinaryTextAsItIs) {
  for (const std::string_view text :
       {""sv, "closed by the peer: 1011"sv, "a\ttab"sv, "C:\\new"sv, "[SOAK / x] PASS: [1, 2]"sv,
        "\u00e4\u20ac\U0001f600\u00a0"sv, "["sv, "[  "sv, "[  ]"sv, "[  SKIPPED"sv, "[ run ]"sv}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(PrintableTest, EscapesWhatSteersATerminal) {
  EXPECT_EQ(printable("a\nb\rc"), "a\\nb\\rc");
  EXPECT_EQ(printable("\x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(printable("a\0b\x07\x7f"sv), "a\\x00b\\x07\\x7f");
  EXPECT_EQ(printable("\u0080\u009b2J\u009f"), "\\u0080\\u009b2J\\u009f");
}

TEST(PrintableTest, EscapesEachByteThatIsNotUtf8) {
  EXPECT_EQ(printable("a\x9b\xff\xc0\xafz"), "a\\x9b\\xff\\xc0\\xafz");
  EXPECT_EQ(printable("cut \xe2\x82"), "cut \\xe2\\x82");
}

TEST(PrintableTest, BreaksUpTheMarkersOfGoogleTest) {
  EXPECT_EQ(printable("[  SKIPPED ] a [ RUN      ] b"), "[SKIPPED] a [RUN] b");
  EXPECT_EQ(printable("[       OK ][  PASSED  ][  FAILED  ][ DISABLED ]"), "[OK][PASSED][FAILED][DISABLED]");
  EXPECT_EQ(printable("[  [  SKIPPED ] SKIPPED ]"), "[  [SKIPPED] SKIPPED ]");
}

TEST(PrintableTest, AnEscapeMakesNoNewMarker) { EXPECT_EQ(printable("[  SKIPPED\n ]"), "[  SKIPPED\\n ]"); }

TEST(PrintableTest, KeepsLineEndsWhereATextHasLines) {
  EXPECT_EQ(printable("a\n[  FAILED  ] b\r\n", LineEnds::kKeep), "a\n[FAILED] b\\r\n");
}

TEST(PrintableTest, WhatItReturnsItLeavesAsItIs) {
  const std::string once = printable("a\n[  SKIPPED ] b\x1b[2J\xff\u009b");

  EXPECT_EQ(printable(once), once);
}

}  // namespace
}  // namespace soak::text

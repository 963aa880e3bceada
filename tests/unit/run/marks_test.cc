// SPDX-License-Identifier: Apache-2.0
#include "lib/run/marks.h"

#include <gtest/gtest.h>

#include <string>

namespace soak {
namespace {

using namespace std::chrono_literals;

TEST(MarksTest, TheOldestAreKeptAndTheOthersCounted) {
  Marks marks;

  for (std::size_t i = 0; i < Marks::kMarksMax + 3; ++i) {
    marks.add(std::chrono::seconds(i), "fault", "reset " + std::to_string(i));
  }

  const auto all = marks.all();
  ASSERT_EQ(all.size(), Marks::kMarksMax);
  EXPECT_EQ(all.front().text, "reset 0");
  EXPECT_EQ(all.back().at, 255s);
  EXPECT_EQ(all.back().kind, "fault");
  EXPECT_EQ(marks.dropped(), 3u);
}

TEST(MarksTest, ALongTextIsCutBetweenTwoCharacters) {
  Marks marks;
  const std::string text = std::string(Marks::kTextSize - 1, 'x') + "\xC3\xA9 and more";

  marks.add(0s, "a kind that is longer than that", text);

  EXPECT_EQ(marks.all()[0].text, std::string(Marks::kTextSize - 1, 'x'));
  EXPECT_EQ(marks.all()[0].kind, "a kind that is l");
}

}  // namespace
}  // namespace soak

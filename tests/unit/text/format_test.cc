// SPDX-License-Identifier: Apache-2.0
#include "lib/text/format.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace soak::text {
namespace {

using namespace std::chrono_literals;

TEST(FormatTest, BytesTakeTheUnitThatFits) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(16 * 1024), "16.0 KiB");
  EXPECT_EQ(format_bytes(-1536), "-1.5 KiB");
  EXPECT_EQ(format_bytes(std::int64_t{3} << 40), "3.0 TiB");
  EXPECT_EQ(format_bytes(std::size_t{1} << 60), "1048576.0 TiB");
}

TEST(FormatTest, DurationsReadAsPeopleSayThem) {
  EXPECT_EQ(format_duration(40ms), "40ms");
  EXPECT_EQ(format_duration(12500ms), "12.5s");
  EXPECT_EQ(format_duration(5min), "5m00s");
  EXPECT_EQ(format_duration(6h), "6h00m");
  EXPECT_EQ(format_duration(24h + 90min), "25h30m");
  EXPECT_EQ(format_duration(-40ms), "-40ms");
}

TEST(FormatTest, SecondsInASentenceHaveOneDecimal) {
  EXPECT_EQ(format_seconds(0s), "0.0 s");
  EXPECT_EQ(format_seconds(1250ms), "1.2 s");
  EXPECT_EQ(format_seconds(1h), "3600.0 s");
}

TEST(FormatTest, SecondsAreExactBothWays) {
  EXPECT_EQ(seconds(1500ms), 1.5);
  EXPECT_EQ(seconds(-1ns), -1e-9);
  EXPECT_EQ(from_seconds(1.5), 1500ms);
  EXPECT_EQ(from_seconds(0.1), 100ms);  // Rounded: 0.1 is a little more.
  EXPECT_EQ(from_seconds(seconds(86399999999999ns)), 86399999999999ns);
}

TEST(FormatTest, TheSystemsErrorsBeginInLowerCase) { EXPECT_EQ(format_errno(ECONNREFUSED), "connection refused"); }

TEST(FormatTest, TheClockRunsPastADay) { EXPECT_EQ(format_clock(26h + 41min + 10s), "26:41:10"); }

TEST(FormatTest, OneOfAKindHasNoS) {
  EXPECT_EQ(format_plural(1, "cycle"), "1 cycle");
  EXPECT_EQ(format_plural(0, "cycle"), "0 cycles");
}

}  // namespace
}  // namespace soak::text

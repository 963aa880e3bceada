// SPDX-License-Identifier: Apache-2.0
#include "lib/text/number.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace soak::text {
namespace {

using namespace std::chrono_literals;

TEST(NumberTest, AWholeNumberIsTheWholeText) {
  EXPECT_EQ(parse_number<int>("0"), 0);
  EXPECT_EQ(parse_number<int>("-17"), -17);
  EXPECT_EQ(parse_number<std::uint16_t>("65535"), 65535);
  EXPECT_EQ(parse_number<std::uint64_t>("18446744073709551615"), 18446744073709551615U);
  EXPECT_EQ(parse_number<unsigned>("fF", 16), 255U);
  for (const std::string_view text : {"", " 1", "1 ", "+1", "1.0", "1e3", "0x1", "one", "1,000", "-"}) {
    EXPECT_FALSE(parse_number<int>(text)) << text;
  }
}

TEST(NumberTest, WhatDoesNotFitIsNoNumber) {
  EXPECT_FALSE(parse_number<std::uint16_t>("65536"));
  EXPECT_FALSE(parse_number<std::uint16_t>("-1"));
  EXPECT_FALSE(parse_number<std::int64_t>("9223372036854775808"));
  EXPECT_FALSE(parse_number<std::uint64_t>("18446744073709551616"));
}

TEST(NumberTest, DecimalsHaveNoExponent) {
  EXPECT_EQ(parse_decimal("30"), 30);
  EXPECT_EQ(parse_decimal("64.57"), 64.57);
  EXPECT_EQ(parse_decimal("-0.5"), -0.5);
  EXPECT_EQ(parse_decimal(".5"), 0.5);
  for (const std::string_view text : {"", " 1", "1s", "1e3", "inf", "nan", "0x10", "1,5", "."}) {
    EXPECT_FALSE(parse_decimal(text)) << text;
  }
}

TEST(NumberTest, FloatsMayHaveOneAndAreFinite) {
  EXPECT_EQ(parse_float("1e-3"), 0.001);
  EXPECT_EQ(parse_float("-2.5E2"), -250);
  for (const std::string_view text : {"", "inf", "-nan", "1e999", "1e", "e3"}) {
    EXPECT_FALSE(parse_float(text)) << text;
  }
}

TEST(NumberTest, ADurationNamesItsUnit) {
  constexpr std::pair<std::string_view, std::chrono::nanoseconds> kTable[] = {
      {"40ms", 40ms},  {"90s", 90s},     {"5m", 5min}, {"5min", 5min}, {"24h", 24h},    {"2d", 48h},
      {"1.5h", 90min}, {"0.5ms", 500us}, {"0s", 0s},   {"-1s", -1s},   {".25s", 250ms},
  };
  for (const auto& [text, duration] : kTable) {
    EXPECT_EQ(parse_duration(text), duration) << text;
  }
  for (const std::string_view text :
       {"", "90", "s", "90 s", "90S", "1e3s", "90sec", "1h30m", "infs", "nans", "1us", "1000000d", "90s "}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(NumberTest, ASizeNamesItsUnit) {
  constexpr std::pair<std::string_view, std::uint64_t> kTable[] = {
      {"0B", 0}, {"512B", 512}, {"512KiB", 524288}, {"20MiB", 20971520}, {"1GiB", 1073741824}, {"1.5KiB", 1536},
  };
  for (const auto& [text, bytes] : kTable) {
    EXPECT_EQ(parse_size(text), bytes) << text;
  }
  for (const std::string_view text : {"", "512", "512KB", "512kib", "KiB", "-1B", "1 MiB", "1e9B", "9999999999GiB"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

}  // namespace
}  // namespace soak::text

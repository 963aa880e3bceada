// SPDX-License-Identifier: Apache-2.0
#include "soak/growth/leak_max.h"

#include <gtest/gtest.h>

namespace soak::probe {
namespace {

TEST(LeakMaxTest, ASizePerTimeIsABoundPerSecond) {
  EXPECT_DOUBLE_EQ(parse_leak_max("10MiB/day")->bytes_per_second(), 10 * 1048576.0 / 86400);
  EXPECT_DOUBLE_EQ(parse_leak_max("1KiB/s")->bytes_per_second(), 1024);
  EXPECT_DOUBLE_EQ(parse_leak_max("1.5MiB/h")->bytes_per_second(), 1.5 * 1048576 / 3600);
  EXPECT_DOUBLE_EQ(parse_leak_max("1MiB/hour")->bytes_per_second(), 1048576.0 / 3600);
  EXPECT_TRUE(parse_leak_max("10MiB/days")->per_time());
}

TEST(LeakMaxTest, AnOperationMayBeSingularOrPlural) {
  EXPECT_EQ(parse_leak_max("64B/reconnect")->per, "reconnect");
  EXPECT_EQ(parse_leak_max("64B/reconnects")->per, "reconnect");
  EXPECT_EQ(parse_leak_max("64B/queries")->per, "query");
  EXPECT_FALSE(parse_leak_max("64B/query")->per_time());
  EXPECT_EQ(to_string(*parse_leak_max("64B/queries")), "64 B per query");
  EXPECT_EQ(to_string(*parse_leak_max("10MiB/day")), "10.0 MiB per day");
}

TEST(LeakMaxTest, AnythingElseIsNone) {
  for (const char* text : {"", "10MiB", "/day", "10MiB/", "10/day", "10MB/day", "-1B/day", "10MiB/2days", "10MiB/a day",
                           "10MiB/s/s", "ten/day"}) {
    EXPECT_FALSE(parse_leak_max(text)) << text;
  }
}

}  // namespace
}  // namespace soak::probe

// SPDX-License-Identifier: Apache-2.0
#include "lib/run/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace soak {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

constexpr std::int64_t kMiB = 1 << 20;

// RSS at rest: 20 MiB, so much more after an hour of load, and that much after six minutes of it again.
probe::Measurements rss(std::int64_t left, std::int64_t added) {
  probe::Measurements measured;
  probe::Track track;
  track.name = "rss";
  track.unit = probe::Unit::kBytes;
  track.at_rest.add({10s, 1, 20 * kMiB});
  track.at_rest.add({30min, 100, 20 * kMiB + left / 2});
  track.at_rest.add({1h, 200, 20 * kMiB + left});
  track.at_rest.add({66min, 220, 20 * kMiB + left + added});
  measured.tracks.push_back(track);
  return measured;
}

std::string explained(std::int64_t left, std::int64_t added) {
  probe::Verdict verdict;
  explain_reload(rss(left, added), 1h, verdict);
  return verdict.remarks.at(0);
}

TEST(ReloadTest, MemoryThatTheSecondLoadUsesAgainWasKept) {
  EXPECT_EQ(
      explained(40 * kMiB, kMiB / 4),
      "reload: kept for use: of RSS the load had left 40.0 MiB, and the same load again added 256.0 KiB in 6m00s");
}

TEST(ReloadTest, MemoryThatTheSecondLoadAddsToWasLost) {
  EXPECT_EQ(explained(40 * kMiB, 4 * kMiB),
            "reload: lost: of RSS the load had left 40.0 MiB, and the same load again added 4.0 MiB in 6m00s");
}

TEST(ReloadTest, TooLittleIsNotTold) {
  EXPECT_THAT(explained(kMiB, kMiB / 10), HasSubstr("cannot tell: the load left 1.0 MiB"));
}

TEST(ReloadTest, IsSaidUnderTheFindingAboutTheMemory) {
  probe::Verdict verdict;
  verdict.findings = {{"fds", "fds rose", {}}, {"rss", "rss grew", {}}};

  explain_reload(rss(60 * kMiB, 6 * kMiB), 1h, verdict);

  ASSERT_THAT(verdict.findings[1].evidence, ElementsAre(Field(&probe::Evidence::label, "reload")));
  EXPECT_THAT(verdict.findings[1].evidence[0].text, HasSubstr("lost: "));
}

TEST(ReloadTest, WithoutAQuiescentPointAfterItNothingIsShown) {
  probe::Verdict verdict;

  explain_reload(rss(60 * kMiB, 6 * kMiB), 2h, verdict);

  EXPECT_THAT(verdict.remarks, ElementsAre(HasSubstr("the reload shows nothing")));
}

}  // namespace
}  // namespace soak

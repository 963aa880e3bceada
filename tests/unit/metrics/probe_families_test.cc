// SPDX-License-Identifier: Apache-2.0
#include "soak/metrics/probe_families.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "soak/metrics/metrics.h"

namespace soak::metrics {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// "soak_threads" or "soak_watched{tasks}", and the value.
std::map<std::string, double> by_name(const std::vector<Family>& families) {
  std::map<std::string, double> values;
  for (const Family& family : families) {
    for (const Sample& sample : family.samples) {
      std::string name(family.name.view());
      for (const auto& [label, value] : sample.labels) {
        EXPECT_EQ(label, "name");
        name += "{" + value + "}";
      }
      EXPECT_TRUE(values.emplace(name, sample.value).second) << name << " is there twice";
    }
  }
  return values;
}

TEST(ProbeFamiliesTest, AreNamedInBaseUnits) {
  const auto values = by_name(probe_families({{"rss", probe::Unit::kBytes, {1s, 1, 8 << 20}},
                                              {"heap", probe::Unit::kBytes, {1s, 1, 4096}},
                                              {"fds", probe::Unit::kCount, {1s, 1, 14}},
                                              {"sockets", probe::Unit::kCount, {1s, 1, 3}},
                                              {"threads", probe::Unit::kCount, {1s, 1, 2}},
                                              {"tasks", probe::Unit::kCount, {1s, 1, 5}},
                                              {"fake.rss", probe::Unit::kBytes, {1s, 1, 2048}}}));

  EXPECT_THAT(values,
              ElementsAre(Pair("soak_heap_bytes", 4096), Pair("soak_open_fds", 14), Pair("soak_open_sockets", 3),
                          Pair("soak_rss_bytes", 8 << 20), Pair("soak_threads", 2),
                          Pair("soak_watched_bytes{fake.rss}", 2048), Pair("soak_watched{tasks}", 5)));
}

TEST(ProbeFamiliesTest, ANameIsThereOnce) {
  const auto values = by_name(probe_families({{"rss", probe::Unit::kBytes, {1s, 1, 1}},
                                              {"rss", probe::Unit::kCount, {1s, 1, 2}},
                                              {"tasks", probe::Unit::kCount, {1s, 1, 3}},
                                              {"tasks", probe::Unit::kCount, {1s, 1, 4}}}));

  EXPECT_THAT(values, ElementsAre(Pair("soak_rss_bytes", 1), Pair("soak_watched{tasks}", 3)));
}

TEST(ProbeFamiliesTest, AreWhatAProbeSawLast) {
  probe::Probe probe;
  std::int64_t sessions = 3;
  probe.add_gauge("sessions", [&] { return sessions; });
  const Collector collector([&] { return probe_families(probe.latest()); });

  probe.sample(1s, 0);
  EXPECT_THAT(by_name(probe_families(probe.latest())).count("soak_open_sockets"), 0u) << "seen at rest only";
  sessions = 216;
  probe.rest(2s, 1);

  const auto values = by_name(probe_families(probe.latest()));
  EXPECT_EQ(values.at("soak_rss_bytes"), probe.latest("rss")->value);
  EXPECT_EQ(values.at("soak_open_sockets"), probe.latest("sockets")->value);
  EXPECT_THAT(exposition(), HasSubstr("soak_watched{name=\"sessions\"} 216\n"));
}

}  // namespace
}  // namespace soak::metrics

// SPDX-License-Identifier: Apache-2.0
// What a heap profile says in a verdict.

#include "lib/run/heap_growth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace soak::probe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

HeapGrowth cache_growth() {
  HeapGrowth growth;
  growth.from_cycle = 1;
  growth.to_cycle = 60;
  growth.sample_bytes = 16384;
  growth.stacks = {{3250586, 310, {"Cache::put (cache.cc:41)", "Session::run (session.cc:88)"}},
                   {1024, 1, {"libc.so.6+0x1234"}}};
  return growth;
}

Verdict failing_for(std::string subject, std::vector<Evidence> evidence = {}) {
  Verdict verdict;
  verdict.findings.push_back({std::move(subject), "grew", std::move(evidence)});
  return verdict;
}

constexpr const char* kCache = "3.1 MiB in 310 allocations at Cache::put (cache.cc:41) < Session::run (session.cc:88)";

TEST(HeapProfileTest, IsListedUnderTheFindingAboutMemory) {
  for (Verdict verdict : {failing_for("heap"), failing_for("rss"), failing_for("tasks", {{"with", "heap grew 9 B"}})}) {
    detail::explain_heap(cache_growth(), "reconnect", verdict);

    const std::vector<Evidence>& evidence = verdict.findings[0].evidence;
    ASSERT_GE(evidence.size(), 2u);
    EXPECT_EQ(evidence[evidence.size() - 2].label, "allocated by");
    EXPECT_EQ(evidence[evidence.size() - 2].text, kCache);
    EXPECT_EQ(evidence.back().text, "1.0 KiB in 1 allocation at libc.so.6+0x1234");
    EXPECT_THAT(verdict.remarks,
                ElementsAre("heap profile: reconnect 1 to reconnect 60, estimated from one sample in 16.0 KiB"));
  }
}

TEST(HeapProfileTest, IsARemarkWhereNoMemoryLeaked) {
  for (Verdict verdict : {Verdict{}, failing_for("fds", {{"since", "00:00:01"}})}) {
    detail::explain_heap(cache_growth(), "cycle", verdict);

    ASSERT_THAT(verdict.remarks, SizeIs(1));
    EXPECT_THAT(verdict.remarks[0], HasSubstr(std::string("16.0 KiB; ") + kCache + "; 1.0 KiB in 1 allocation at"));
  }
}

TEST(HeapProfileTest, SaysThatNothingGrewOrWhyItIsNotKnown) {
  Verdict verdict;
  HeapGrowth nothing = cache_growth();
  nothing.stacks.clear();
  detail::explain_heap(nothing, "cycle", verdict);
  HeapGrowth unknown;
  unknown.unavailable = "not available: there were no two quiescent points";
  detail::explain_heap(unknown, "cycle", verdict);

  EXPECT_THAT(verdict.remarks, ElementsAre(HasSubstr("nothing grew by more than its sampling error"),
                                           "heap profile: not available: there were no two quiescent points"));
}

}  // namespace
}  // namespace soak::probe

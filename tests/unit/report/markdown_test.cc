// SPDX-License-Identifier: Apache-2.0
#include "soak/report/markdown.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "sample_record.h"

namespace soak::report {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Record a_run(const std::string& name) {
  Record record;
  record.name = name;
  record.title = "SOAK / " + name;
  record.cycle_noun = "cycle";
  record.mode = "real";
  record.elapsed = 1h;
  record.rerun = "./soaks --gtest_runsoak --gtest_filter=" + name;
  probe::Track rss;
  rss.name = "rss";
  rss.unit = probe::Unit::kBytes;
  for (int i = 0; i <= 360; ++i) {
    rss.timeline.add({i * 10s, 1, (100 + i / 10) * std::int64_t{1024 * 1024}});
  }
  record.measured.tracks.push_back(rss);
  return record;
}

Record a_failed_run(const std::string& name) {
  Record record = a_run(name);
  record.verdict.findings = {{"rss", "rss grew by 36.0 MiB", {{"since", "00:00:10"}}}};
  return record;
}

std::string markdown(const std::vector<Record>& records) { return to_markdown(records); }

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) {
    ++found;
  }
  return found;
}

TEST(MarkdownTest, AFailedRunShowsVerdictFindingChartAndCommand) {
  const std::string text = markdown({a_failed_run("Soak/A.B")});

  EXPECT_THAT(
      text,
      AllOf(StartsWith("### FAIL `Soak/A.B`\n\n```text\n[SOAK / Soak/A.B] FAIL: elapsed=3600.0s cycles=0"),
            HasSubstr("  rss grew by 36.0 MiB\n    since       00:00:10\n```\n"), HasSubstr("`rss`: 100.0 MiB ▁"),
            HasSubstr("█ 136.0 MiB, lowest 100.0 MiB, highest 136.0 MiB\n"),
            HasSubstr("}%%\nxychart-beta\n  title \"rss\"\n  x-axis \"hours\" 0 --> 1\n"
                      "  y-axis \"MiB\" 98.2 --> 137.8\n  line [100, "),
            HasSubstr(", 136]\n```\n"), HasSubstr("```sh\n./soaks --gtest_runsoak --gtest_filter=Soak/A.B\n```\n")));
}

TEST(MarkdownTest, AChartHasAtMostSixtyPoints) {
  const std::string text = markdown({a_failed_run("Soak/A.B")});
  const std::string line = text.substr(text.find("line ["), text.find("]\n```") - text.find("line ["));

  EXPECT_EQ(count(line, ", ") + 1, 60u);
}

TEST(MarkdownTest, ARunThatPassedShowsItsMemory) {
  EXPECT_THAT(markdown({a_run("Soak/A.B")}),
              AllOf(StartsWith("### PASS `Soak/A.B`\n"), HasSubstr("title \"rss\""), Not(HasSubstr("| verdict |"))));
}

TEST(MarkdownTest, ABoundThatWasNotShownIsInconclusive) {
  Record record = a_run("Soak/A.B");
  record.bound_asked = true;
  record.verdict.inconclusive = {{"rss", "rss: 10 MiB per day can be neither shown nor excluded", {}}};

  EXPECT_THAT(markdown({record}),
              AllOf(StartsWith("### INCONCLUSIVE `Soak/A.B`\n"), HasSubstr("\n  rss: 10 MiB per day can be neither"),
                    HasSubstr("title \"rss\"")));
}

TEST(MarkdownTest, OfSeveralRunsATableComesFirstAndTheFailedOnesLead) {
  Record open = a_run("Soak/A.Open");
  open.bound_asked = true;
  open.verdict.inconclusive = {{"rss", "not shown", {}}};
  Record failed = a_failed_run("Soak/A.Failed");
  failed.verdict.findings.push_back({"fds", "fds rose", {}});

  const std::string text = markdown({a_run("Soak/A.Clean"), open, failed});

  EXPECT_THAT(text, StartsWith("| verdict | soak | ran for | what |\n| --- | --- | --- | --- |\n"
                               "| FAIL | `Soak/A.Failed` | 1h00m | `rss grew by 36.0 MiB` and 1 more |\n"
                               "| INCONCLUSIVE | `Soak/A.Open` | 1h00m | `not shown` |\n"
                               "| PASS | `Soak/A.Clean` | 1h00m |  |\n\n### FAIL `Soak/A.Failed`"));
  EXPECT_LT(text.find("### INCONCLUSIVE"), text.find("### PASS"));
  EXPECT_EQ(count(text, "```mermaid"), 2u);  // None for the clean one.
}

TEST(MarkdownTest, NoTextOfARunBecomesMarkup) {
  Record record = a_failed_run("Soak/`A|B`");
  record.title = "```\n# owned";
  record.verdict.findings = {{"a\"]\n  line [1", "| x | ``` <script> [a](b)\n```\n# owned", {{"`", "````"}}}};
  record.verdict.remarks = {"\n```\n# owned"};
  record.rerun = "./soaks '```'\n# owned";
  record.measured.tracks[0].name = "a\"]\n  line [1";

  const std::string text = markdown({record, a_run("Soak/A.B")});

  EXPECT_THAT(text, AllOf(StartsWith("| verdict | soak | ran for | what |\n| --- | --- | --- | --- |\n"
                                     "| FAIL | `` Soak/`A\\|B` `` | 1h00m | ```` \\| x \\| ``` <script>"),
                          HasSubstr("\n### FAIL `` Soak/`A|B` ``\n\n`````text\n"), HasSubstr("\n`````\n"),
                          HasSubstr("  title \"a___n  line _1\"\n"), Not(HasSubstr("\n# owned")),
                          HasSubstr("\n````sh\n./soaks '```'\\n# owned\n````\n")));
}

TEST(MarkdownTest, ASeriesThatNeverMovedAndOneWithASingleValueAreShown) {
  Record record = a_failed_run("Soak/A.B");
  record.measured.tracks[0].timeline = probe::Series();
  record.measured.tracks[0].timeline.add({1s, 1, 4096});

  EXPECT_THAT(markdown({record}), AllOf(HasSubstr("`rss`: 4.0 KiB ▁ 4.0 KiB, lowest"), Not(HasSubstr("mermaid"))));

  record.measured.tracks[0].timeline.add({61s, 2, 4096});
  EXPECT_THAT(markdown({record}), HasSubstr("  x-axis \"minutes\" 0.016667 --> 1.016667\n  y-axis \"KiB\" 3 --> 5\n"
                                            "  line [4, 4]\n"));
}

// Mermaid reads neither exponents nor an axis without a length.
TEST(MarkdownTest, AxesHaveALengthAndNoExponents) {
  Record record = a_failed_run("Soak/A.B");
  record.measured.tracks[0].timeline = probe::Series();
  record.measured.tracks[0].timeline.add({1us, 1, std::int64_t{3} << 30});
  record.measured.tracks[0].timeline.add({30h, 2, (std::int64_t{3} << 30) + 1});
  EXPECT_THAT(markdown({record}),
              HasSubstr("  x-axis \"hours\" 0 --> 30\n  y-axis \"GiB\" 2.999 --> 3.001\n  line [3, 3]\n"));

  record.measured.tracks[0].unit = probe::Unit::kCount;
  record.measured.tracks[0].timeline.add({31h, 2, 123'456'789'012});
  EXPECT_THAT(markdown({record}), HasSubstr(", 123456789012]\n"));

  record.measured.tracks[0].timeline = probe::Series();
  record.measured.tracks[0].timeline.add({1h, 1, 4});
  record.measured.tracks[0].timeline.add({1h + 1ms, 1, 5});
  EXPECT_THAT(markdown({record}), Not(HasSubstr("mermaid")));
}

TEST(MarkdownTest, ARunWithNothingMeasuredHasNoChart) {
  Record record = a_failed_run("Soak/A.B");
  record.measured.tracks.clear();

  EXPECT_THAT(markdown({record}), AllOf(HasSubstr("### FAIL"), Not(HasSubstr("mermaid"))));
}

TEST(MarkdownTest, WhatDoesNotFitIntoAJobSummaryIsCounted) {
  Record large = a_failed_run("Soak/A.Large");
  large.measured.tracks.clear();
  large.verdict.findings[0].text = std::string(100'000, 'x');
  const std::string one = markdown({large});

  EXPECT_LT(one.size(), 70'000u);
  EXPECT_THAT(one, HasSubstr("Run it again"));

  const std::string text = markdown(std::vector<Record>(20, large));
  EXPECT_LT(text.size(), kMarkdownBytesMax + 100);
  EXPECT_THAT(text, HasSubstr(" more of 20 runs do not fit into a job summary.\n"));

  large.verdict.findings[0].text.resize(160);
  const std::string rows = markdown(std::vector<Record>(4'000, large));
  EXPECT_LT(rows.size(), kMarkdownBytesMax + 100);
  EXPECT_THAT(rows, HasSubstr(" more of 4000 runs do not fit into a job summary.\n"));
}

}  // namespace
}  // namespace soak::report

// SPDX-License-Identifier: Apache-2.0
// A journal, written and read back. That a process which is killed leaves one is seen in tests/unit/gating.

#include "soak/report/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "conftest/allocations.h"
#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"
#include "sample_record.h"
#include "soak/detail/secrets.h"
#include "soak/report/json.h"
#include "soak/report/read_journal.h"

namespace soak::report {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    record_ = a_record();
    record_.mode = "real";
    record_.measured = {};
    for (const auto& [name, unit] : {std::pair{"rss", probe::Unit::kBytes}, std::pair{"fds", probe::Unit::kCount}}) {
      probe::Track track;
      track.name = name;
      track.unit = unit;
      measured_.tracks.push_back(track);
    }
    record_.measured = measured_;
    journal_.emplace(path_, record_, probe::Budgets{20 << 20, 16 << 10}, "");
  }

  void sample(nanoseconds at, std::uint64_t cycle, std::int64_t rss, std::uint64_t frames) {
    measured_.tracks[0].timeline.add({at, cycle, rss});
    measured_.tracks[1].timeline.add({at, cycle, 16});
    journal_->sample(at, cycle, measured_, std::array{probe::OperationCount{"frames", frames}});
  }

  void rest(nanoseconds at, std::uint64_t cycle, std::int64_t rss, std::uint64_t frames) {
    measured_.tracks[0].timeline.add({at, cycle, rss});
    measured_.tracks[0].at_rest.add({at, cycle, rss});
    journal_->rest(at, cycle, measured_, std::array{probe::OperationCount{"frames", frames}});
  }

  // As the JSON report has it.
  static std::string added_up(const Record& all) {
    Record record;
    record.figures = all.figures;
    record.traffic = all.traffic;
    record.open_time = all.open_time;
    record.answers = all.answers;
    record.session_rss_bytes = all.session_rss_bytes;
    record.ended_early = all.ended_early;
    record.marks_dropped = all.marks_dropped;
    record.measured.probe_cpu = all.measured.probe_cpu;
    return to_json(record);
  }

  Record read() const { return read_journal(conftest::read_file(path_), path_); }

  // The message that the journal is refused with, once `text` stands at its end.
  std::string refusal(const std::string& text) const {
    try {
      read_journal(conftest::read_file(path_) + text, "x.journal");
    } catch (const ReadError& error) {
      return error.what();
    }
    return "was read";
  }

  const conftest::ScratchFolder folder_;
  std::string path_ = folder_ / "a/voice.journal";
  Record record_;
  probe::Measurements measured_;
  std::optional<Journal> journal_;
};

TEST_F(JournalTest, GivesTheRunBack) {
  sample(100ms, 0, 9'000'000, 2);
  rest(1s + 1us, 1, 9'100'000, 25);
  journal_->mark(1500ms, "fault", "reset \"by\" peer");
  journal_->failure(1600ms, "closed 1006");
  journal_->describe("VOICE SOAK / other", "session");
  rest(2s, 2, 9'200'000, 50);
  sample(2500ms, 2, 9'300'000, 62);

  const Record record = read();

  EXPECT_EQ(record.name, record_.name);
  EXPECT_EQ(record.file, record_.file);
  EXPECT_EQ(record.line, record_.line);
  EXPECT_EQ(record.title, "VOICE SOAK / other");
  EXPECT_EQ(record.cycle_noun, "session");
  EXPECT_EQ(record.seed, record_.seed);
  EXPECT_EQ(record.started, record_.started);
  EXPECT_EQ(record.asked, 60s);
  EXPECT_EQ(record.elapsed, 2500ms);
  EXPECT_EQ(record.rerun, record_.rerun);
  EXPECT_EQ(record.cycles, 2u);
  EXPECT_EQ(record.failed_cycles, 1u);
  EXPECT_THAT(record.failures, ElementsAre("00:00:01 closed 1006"));
  EXPECT_THAT(record.counters, ElementsAre(Field(&Counter::value, 62u)));
  ASSERT_THAT(record.marks, SizeIs(1));
  EXPECT_EQ(record.marks[0].text, "reset \"by\" peer");
  EXPECT_EQ(record.measured.quiescent_points, 2u);
  const probe::Track& rss = *record.measured.find("rss");
  EXPECT_EQ(rss.unit, probe::Unit::kBytes);
  EXPECT_EQ(rss.timeline.added(), 4u);
  ASSERT_EQ(rss.at_rest.points().size(), 2u);
  EXPECT_EQ(rss.at_rest.points()[0].at, 1s + 1us);
  EXPECT_EQ(rss.at_rest.points()[1].value, 9'200'000);
  EXPECT_EQ(record.measured.find("fds")->timeline.added(), 2u);
  ASSERT_THAT(record.measured.operations, SizeIs(1));
  EXPECT_EQ(record.measured.operations[0].at_rest.last()->value, 50);
}

TEST_F(JournalTest, GivesBackWhatIsAddedUpAndInNoSeries) {
  record_.measured.probe_cpu = 31ms;
  journal_->totals(1s, {});
  sample(1500ms, 1, 9'000'000, 2);
  journal_->totals(2s, record_);

  const Record record = read();

  EXPECT_EQ(added_up(record), added_up(record_));
  EXPECT_EQ(record.answers->first_audio.count(), 7u);
  EXPECT_EQ(record.open_time->open_s, 114.5);
  EXPECT_EQ(record.traffic.at(0).late.max(), 31ms);
  EXPECT_EQ(record.ended_early, 59500ms);
  EXPECT_THAT(record.verdict.remarks, testing::Not(testing::Contains(HasSubstr("are as of"))));
}

TEST_F(JournalTest, SaysFromWhenWhatIsAddedUpIs) {
  journal_->totals(2s, record_);
  sample(12s, 1, 9'000'000, 2);

  EXPECT_THAT(read().verdict.remarks,
              testing::Contains("traffic, open time, answers and figures are as of 00:00:02, the rest of 00:00:12"));
}

TEST_F(JournalTest, WithoutAnythingAddedUpThereAreNoAnswersAndNoOpenTime) {
  sample(1s, 1, 9'000'000, 2);
  EXPECT_FALSE(read().answers);

  journal_->totals(1s, {});

  EXPECT_FALSE(read().answers);
  EXPECT_FALSE(read().open_time);
  EXPECT_THAT(read().traffic, IsEmpty());
}

TEST_F(JournalTest, KnowsThatABoundWasAskedFor) {
  EXPECT_FALSE(read().bound_asked);

  probe::Budgets budgets;
  budgets.leak_max = probe::LeakMax{64, "reconnect"};
  const std::string other = folder_ / "bound.journal";
  const Journal journal(other, record_, budgets, "");

  EXPECT_TRUE(read_journal(conftest::read_file(other), other).bound_asked);
}

TEST_F(JournalTest, TheFirstQuiescentPointForgetsTheEndsOfPassesBeforeIt) {
  measured_.candidates = true;
  rest(1s, 1, 9'000'000, 25);
  rest(2s, 2, 9'100'000, 50);
  EXPECT_TRUE(read().measured.candidates);
  EXPECT_EQ(read().measured.quiescent_points, 2u);

  measured_.candidates = false;
  rest(3s, 3, 9'200'000, 75);

  const Record record = read();
  EXPECT_FALSE(record.measured.candidates);
  EXPECT_EQ(record.measured.quiescent_points, 1u);
  ASSERT_EQ(record.measured.find("rss")->at_rest.points().size(), 1u);
  EXPECT_EQ(record.measured.find("rss")->at_rest.first()->at, 3s);
  EXPECT_EQ(record.measured.find("rss")->timeline.added(), 3u);
  ASSERT_EQ(record.measured.operations.at(0).at_rest.points().size(), 1u);
  EXPECT_EQ(record.measured.operations.at(0).at_rest.first()->value, 75);
}

TEST_F(JournalTest, IsJudgedByTheBudgetsOfTheRun) {
  const std::string other = folder_ / "exact.journal";
  Journal journal(other, record_, {.rss_growth_bytes_max = 20 << 20, .counts_exact = true}, "");
  for (int i = 1; i <= 2; ++i) {
    const nanoseconds at = 1s * i;
    const auto cycle = static_cast<std::uint64_t>(i);
    measured_.tracks[0].timeline.add({at, cycle, 9'000'000});
    measured_.tracks[1].timeline.add({at, cycle, 16 + i});
    measured_.tracks[1].at_rest.add({at, cycle, 16 + i});
    journal.rest(at, cycle, measured_, {});
  }

  const Record record = read_journal(conftest::read_file(other), other);

  EXPECT_NE(record.verdict.find("fds"), nullptr);  // One step: without counts_exact, that is a remark.
}

// An exception's message may hold anything, and one bad byte would make its line unreadable.
TEST_F(JournalTest, TextThatIsNoUtf8OrHasControlCharactersComesBackReadable) {
  journal_->mark(1s, "fault", "two\nlines\tand \x01");
  journal_->failure(2s, "cut \xe2\x82");
  sample(3s, 1, 9'000'000, 2);

  const Record record = read();

  ASSERT_THAT(record.marks, SizeIs(1));
  EXPECT_EQ(record.marks[0].text, "two\nlines\tand \x01");
  EXPECT_THAT(record.failures, ElementsAre("00:00:02 cut \xef\xbf\xbd\xef\xbf\xbd"));
}

TEST_F(JournalTest, ARestartBeginsASegmentInTheSeriesOfTheProcess) {
  sample(1s, 1, 9'000'000, 2);
  measured_.restarts.push_back({2s, "process 7 (fake) was replaced by process 8"});
  measured_.tracks[0].restart(2s);
  sample(2s, 1, 1'000'000, 2);
  rest(3s, 2, 1'000'000, 2);

  const probe::Measurements measured = read().measured;

  ASSERT_THAT(measured.restarts, SizeIs(1));
  EXPECT_EQ(measured.restarts[0].at, 2s);
  EXPECT_EQ(measured.restarts[0].text, "process 7 (fake) was replaced by process 8");
  EXPECT_THAT(measured.find("rss")->restarts, ElementsAre(nanoseconds(2s)));
  EXPECT_THAT(measured.find("fds")->restarts, IsEmpty());
}

// A fall of the level alone is none.
TEST_F(JournalTest, WithoutARestartThereIsOneSegment) {
  sample(1s, 1, 9'000'000, 2);
  sample(2s, 1, 1'000'000, 2);

  EXPECT_THAT(read().measured.restarts, IsEmpty());
  EXPECT_THAT(read().measured.find("rss")->restarts, IsEmpty());
}

TEST_F(JournalTest, AnOperationThatAppearsLateHadNoCountBefore) {
  journal_->rest(1s, 1, measured_, {});
  rest(2s, 2, 9'000'000, 50);

  const std::vector<probe::Point> frames = read().measured.operations.at(0).at_rest.points();

  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].value, 0);
  EXPECT_EQ(frames[0].at, 1s);
}

TEST_F(JournalTest, ARunThatNeverEndedIsJudgedAsKilled) {
  sample(100ms, 0, 9'000'000, 2);
  rest(1s, 1, 9'000'000, 25);
  rest(12s, 2, 90'000'000, 50);

  const Record record = read();

  EXPECT_TRUE(record.killed);
  ASSERT_GE(record.verdict.findings.size(), 2u);
  EXPECT_EQ(record.verdict.findings[0].text, "killed: the run never ended; the last line is at 00:00:12 of 00:01:00");
  EXPECT_NE(record.verdict.find("rss"), nullptr);
}

TEST_F(JournalTest, ARunWhoseReportsWereNeverWrittenSaysSo) {
  sample(1s, 1, 9'000'000, 25);
  journal_->end(60s, 4);

  const Record record = read();

  EXPECT_EQ(record.cycles, 4u);
  EXPECT_EQ(record.verdict.findings[0].text, "killed: the run ended at 00:01:00, but its reports were never written");
}

TEST_F(JournalTest, ALastLineThatIsCutShortIsPassedOver) {
  sample(1s, 1, 9'000'000, 25);

  const Record record = read_journal(conftest::read_file(path_) + "{\"type\":\"sample\",\"at_s\":2.0", "x.journal");

  EXPECT_EQ(record.elapsed, 1s);
  EXPECT_EQ(record.verdict.remarks.back(), "line 3 of the journal is truncated and was skipped");
}

TEST_F(JournalTest, ALineThatIsWrongIsNamed) {
  EXPECT_THAT(refusal("{\"type\":\n{}\n"), HasSubstr("x.journal:2:9: not JSON: "));
  EXPECT_EQ(refusal("{\"type\":\"sample\",\"at_s\":1,\"cycle\":0,\"held\":[1],\"counts\":{}}\n"),
            "x.journal:2: held is an array of 1: expected an array of 2");
  EXPECT_EQ(refusal("{\"type\":\"end\",\"at_s\":1}\n"), "x.journal:2: cycle is missing");
  EXPECT_THAT(refusal("{\"type\":\"of a later version\",\"at_s\":1}\n"), "was read");
}

TEST_F(JournalTest, AModeOrAUnitThatThereIsNotIsRefused) {
  const auto with = [this](const std::string& word, const std::string& other) {
    std::string text = conftest::read_file(path_);
    text.replace(text.find(word), word.size(), other);
    try {
      read_journal(text, "x.journal");
      return std::string("was read");
    } catch (const ReadError& error) {
      return std::string(error.what());
    }
  };

  EXPECT_EQ(with("\"mode\":\"real\"", "\"mode\":\"unreal\""),
            "x.journal:1: mode is \"unreal\": expected real or virtual or smoke");
  EXPECT_EQ(with("\"unit\":\"bytes\"", "\"unit\":\"octets\""),
            "x.journal:1: series[0].unit is \"octets\": expected bytes or count");
}

TEST_F(JournalTest, HoldsNoSecret) {
  text::keep_secret("sk-canary-in-the-journal");
  journal_->failure(2s, "no such key: sk-canary-in-the-journal");
  journal_->mark(2s, "note", "sk-canary-in-the-journal");

  const std::string text = conftest::read_file(path_);

  EXPECT_THAT(text, HasSubstr("no such key: ***"));
  EXPECT_THAT(text, testing::Not(HasSubstr("canary")));
}

TEST_F(JournalTest, WhatIsNoJournalIsRefused) {
  EXPECT_TRUE(is_journal(conftest::read_file(path_)));
  EXPECT_FALSE(is_journal("{\"schema\": \"soak.report\"}"));
  EXPECT_THROW(read_journal("time_s,rss_bytes\n", "x.csv"), ReadError);
  EXPECT_THROW(read_journal(conftest::read_file(path_).substr(0, 100), "x.journal"), ReadError);
}

TEST_F(JournalTest, WritingSamplesAllocatesNothing) {
  const auto write_many = [this] {
    for (int i = 1; i <= 100; ++i) {
      journal_->sample(i * 1s, 1, measured_, std::array{probe::OperationCount{"a name that no short string holds", 7}});
      journal_->rest(i * 1s, 1, measured_, {});
    }
  };
  const std::size_t before = conftest::allocations().count;

  write_many();

  EXPECT_EQ(conftest::allocations().count - before, 0u);
  EXPECT_EQ(read().measured.quiescent_points, 100u);
}

TEST_F(JournalTest, IsRemovedOnlyByTheRunThatWroteIt) {
  Journal other(path_, record_, {}, "");

  journal_->remove();
  EXPECT_TRUE(std::filesystem::exists(path_));
  other.remove();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(JournalTest, APlaceThatCannotBeWrittenIsAnErrorAndNoMore) {
  Journal nowhere("/proc/nowhere/voice.journal", record_, {}, "");

  nowhere.sample(1s, 1, measured_, {});

  EXPECT_THAT(nowhere.error(), HasSubstr("/proc/nowhere/voice.journal: "));
}

}  // namespace
}  // namespace soak::report

// SPDX-License-Identifier: Apache-2.0
// An edge's memory: the journal on disk, and the state that follows from its lines.

#include "mesh/edge/edge_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "conftest/scratch_folder.h"
#include "mesh/edge/event_log.h"
#include "mesh/edge/journal.h"
#include "soak/error.h"
#include "soak/event_loop.h"

namespace mesh {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Incoming incoming(std::uint64_t sequence, std::string from, std::string id, std::string kind,
                  std::string in_reply_to = "") {
  return {sequence, std::move(id), std::move(from), std::move(kind), std::move(in_reply_to), "{}"};
}

Outgoing outgoing(std::string id, std::string kind, std::string in_reply_to = "") {
  return {std::move(id), "@bob", std::move(kind), std::move(in_reply_to), "{\"text\":\"x\"}"};
}

TEST(EdgeStateTest, ARequestIsUnsettledUntilItsResponseAndItsReceipt) {
  EdgeState state;
  state.apply(EdgeState::request_line(1, outgoing("m-1", "task_request")));
  state.apply(EdgeState::sent_line("m-1"));

  EXPECT_THAT(state.outbox(), IsEmpty());
  state.apply(EdgeState::handled_line(incoming(1, "@bob", "r1", "receipt", "m-1"), {}));
  EXPECT_THAT(state.unsettled(), SizeIs(1));
  state.apply(
      EdgeState::handled_line(incoming(2, "@bob", "r2", "task_response", "m-1"), {outgoing("m-2", "receipt", "r2")}));

  EXPECT_THAT(state.unsettled(), IsEmpty()) << "a receipt awaits no receipt";
  EXPECT_EQ(state.handled_up_to(), 2u);
  EXPECT_EQ(state.iteration(), 1u);
  EXPECT_EQ(state.next_id(), "m-3");
}

TEST(EdgeStateTest, AHandledMessageAndItsRepliesAreOneStep) {
  EdgeState state;
  state.apply(EdgeState::handled_line(incoming(7, "@bob", "q", "query_request"),
                                      {outgoing("m-1", "receipt", "q"), outgoing("m-2", "query_response", "q")}));

  EXPECT_TRUE(state.has_handled(incoming(7, "@bob", "q", "query_request")));
  EXPECT_TRUE(state.has_handled(incoming(9, "@bob", "q", "query_request"))) << "the same id under another number";
  EXPECT_FALSE(state.has_handled(incoming(9, "@eve", "q", "query_request"))) << "another sender's id";
  EXPECT_THAT(state.outbox(), ElementsAre(outgoing("m-1", "receipt", "q"), outgoing("m-2", "query_response", "q")));
  EXPECT_THAT(state.unsettled(), SizeIs(1));
}

TEST(EdgeStateTest, ASnapshotStandsForAllLinesBeforeIt) {
  EdgeState state;
  for (int i = 1; i <= 5000; ++i) {
    state.apply(
        EdgeState::handled_line(incoming(static_cast<std::uint64_t>(i), "@bob", fmt::format("q{}", i), "receipt"), {}));
  }
  state.apply(EdgeState::request_line(1, outgoing("m-1", "query_request")));
  state.apply(EdgeState::mark_line("candidate", 4));

  EdgeState again;
  again.apply(state.snapshot_line());

  EXPECT_EQ(again, state);
  EXPECT_EQ(again.mark("candidate"), 4u);
  EXPECT_EQ(again.last_handled(), state.last_handled());
}

TEST(EdgeStateTest, ALineThatIsNoStepIsRefused) {
  EdgeState state;
  for (const char* line : {"", "[]", "{}", "{\"step\":\"x\"}", "{\"step\":\"sent\"}", "{\"step\":\"sent\",\"id\":1}"}) {
    EXPECT_THROW(state.apply(line), soak::Error) << line;
  }
}

class JournalTest : public testing::Test {
 protected:
  void append_raw(const std::string& bytes) { std::ofstream(path, std::ios::app | std::ios::binary) << bytes; }
  std::string raw() {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write_lines(const std::vector<std::string>& lines) {
    FileJournal journal(path);
    for (const std::string& line : lines) {
      loop.run(journal.append(line));
    }
  }

  const soak::conftest::ScratchFolder folder;
  const std::string path = folder / "journal";
  soak::VirtualLoop loop;
};

TEST_F(JournalTest, WhatWasAppendedIsReadBackInOrder) {
  write_lines({"one", "two with \"quotes\"", ""});
  FileJournal journal(path);

  EXPECT_THAT(journal.take_lines(), ElementsAre("one", "two with \"quotes\"", ""));
  EXPECT_THAT(journal.take_lines(), IsEmpty());
}

// The crash may cut the file at any byte of the last line.
TEST_F(JournalTest, ATornLastLineIsCutOffWhereverItIsTorn) {
  write_lines({"first", "second"});
  const std::string whole = raw();
  const std::size_t last = whole.find('\n') + 1;
  for (std::size_t size = last; size < whole.size(); ++size) {
    std::ofstream(path, std::ios::trunc | std::ios::binary) << whole.substr(0, size);
    {
      FileJournal journal(path);
      ASSERT_THAT(journal.take_lines(), ElementsAre("first")) << size;
      EXPECT_EQ(journal.cut_off(), size - last);
      loop.run(journal.append("third"));
    }
    FileJournal journal(path);
    ASSERT_THAT(journal.take_lines(), ElementsAre("first", "third")) << size;
  }
}

TEST_F(JournalTest, ADamagedLineBeforeTheLastIsAnErrorThatNamesIt) {
  write_lines({"first", "second", "third"});
  std::string text = raw();
  text[text.find("second")] = 'S';
  std::ofstream(path, std::ios::trunc | std::ios::binary) << text;

  try {
    FileJournal journal(path);
    FAIL() << "it was opened";
  } catch (const StorageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("line 2 is damaged"));
  }
  EXPECT_EQ(raw(), text) << "nothing is lost by looking";
}

TEST_F(JournalTest, OneProcessAtATime) {
  FileJournal journal(path);

  EXPECT_THROW(FileJournal second(path), StorageError);
}

TEST_F(JournalTest, ARewriteReplacesEverythingAndGoesOn) {
  {
    FileJournal journal(path);
    loop.run(journal.append("one"));
    loop.run(journal.rewrite({"state"}));
    loop.run(journal.append("two"));
    EXPECT_EQ(journal.bytes(), raw().size());
  }
  FileJournal journal(path);

  EXPECT_THAT(journal.take_lines(), ElementsAre("state", "two"));
}

TEST_F(JournalTest, OnAFullDiskNothingOfALineStaysAndTheNextOneIsStored) {
  if (access("/dev/full", W_OK) != 0) {
    GTEST_SKIP() << "no /dev/full";
  }
  FileJournal journal(path);
  loop.run(journal.append("one"));
  std::filesystem::create_symlink("/dev/full", path + ".new");

  EXPECT_THROW(loop.run(journal.rewrite({std::string(1 << 20, 'x')})), StorageError);
  loop.run(journal.append("two"));
  EXPECT_EQ(journal.bytes(), raw().size());
}

TEST_F(JournalTest, TheEventLogSaysWhatItsLastLinesSayToBeHandledAndCutsOffATornOne) {
  const std::string events = path + ".jsonl";
  {
    EventLog log(events, "@ada");
    log.write(log.line("message_handled", {{"from", "@bob"}, {"id", "m-1"}}));
    log.write(log.line("message_sent", {{"id", "m-2"}}));
  }
  std::ofstream(events, std::ios::app) << "{\"event\":\"message_handled\",\"from\":\"@bob\",\"id\":\"m-9\"";
  EventLog log(events, "@ada");

  EXPECT_THAT(log.handled_before(), ElementsAre(std::pair<std::string, std::string>("@bob", "m-1")));
  EXPECT_TRUE(log.write(log.line("stopped")));
  std::ifstream file(events);
  std::string line;
  int lines = 0;
  while (std::getline(file, line)) {
    EXPECT_EQ(line.back(), '}');
    ++lines;
  }
  EXPECT_EQ(lines, 3);
}

}  // namespace
}  // namespace mesh

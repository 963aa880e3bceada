// SPDX-License-Identifier: Apache-2.0
// What the Archive accepts from whom, without a network or a file.

#include "mesh/archive/archive.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/archive/codec.h"
#include "mesh/archive/items.h"
#include "mesh/memory_storage.h"
#include "mesh/problem.h"

namespace mesh {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// What `call` was refused for; empty if it was not.
template <typename Call>
std::string refusal_of(Call call) {
  try {
    call();
  } catch (const Problem& refused) {
    return std::string(refused.code());
  }
  return "";
}

template <typename Call>
std::string refusal_text(Call call) {
  try {
    call();
  } catch (const Problem& refused) {
    return refused.what();
  }
  return "not refused";
}

Memory memory(std::string id, std::string subject, std::string text, std::string author = "@ada") {
  Memory memory;
  memory.id = std::move(id);
  memory.author = std::move(author);
  memory.subject = std::move(subject);
  memory.text = std::move(text);
  return memory;
}

// A workspace of three members: @ada, who owns it, @bob and @eve. @mallory is not one.
class ArchiveTest : public testing::Test {
 protected:
  ArchiveTest() {
    Workspace workspace;
    workspace.id = "w";
    workspace.title = "Work";
    workspace.owner = "@ada";
    workspace.members = {"@eve", "@bob"};
    archive.create(workspace, 1);
  }

  Item item(std::string id, ItemType type, std::string author = "@ada", std::vector<std::string> affects = {}) {
    Item item;
    item.id = std::move(id);
    item.workspace = "w";
    item.type = type;
    item.author = std::move(author);
    item.text = "Source: url:https://example.org\nObservation: it holds";
    item.affects = std::move(affects);
    return item;
  }
  Item add(std::string id, ItemType type, std::string author = "@ada", std::vector<std::string> affects = {}) {
    return archive.add(item(std::move(id), type, std::move(author), std::move(affects)), 2).value;
  }
  Item change(std::string_view agent, std::string_view id, std::string from, std::string to) {
    const StateChange change{fmt::format("change-{}", ++changes_), std::move(from), std::move(to), ""};
    return archive.change(agent, "w", id, change, 3).value;
  }
  Item review(std::string_view agent, std::string_view id, Review verdict) {
    return archive.review(agent, "w", id, fmt::format("review-{}", ++changes_), verdict, "seen", 4).value;
  }
  Promotion promote(std::string_view agent, std::string_view id) {
    return archive.promote(agent, "w", id, fmt::format("promote-{}", ++changes_), 5).value;
  }

  std::vector<std::string> texts(const MemoryQuery& query) const {
    std::vector<std::string> texts;
    for (const MemoryResult& result : archive.query(query).results) {
      texts.push_back(fmt::format("{} {}", result.memory.text, result.current ? "current" : "stale"));
    }
    return texts;
  }

  MemoryDisk disk;
  Archive archive{disk};

 private:
  int changes_ = 0;
};

TEST_F(ArchiveTest, AQueryReturnsTheCurrentStateOfASubjectBeforeStaleHistory) {
  archive.ingest(memory("1", "progress", "first"), 10);
  archive.ingest(memory("2", "progress", "second"), 11);
  archive.ingest(memory("3", "other", "third"), 12);

  EXPECT_THAT(texts({.subject = "progress"}), ElementsAre("second current", "first stale"));
  EXPECT_THAT(texts({}), ElementsAre("third current", "second current", "first stale"));
}

TEST_F(ArchiveTest, AQueryRanksCurrentStateAboveAStaleEntryThatHoldsMoreOfItsWords) {
  archive.ingest(memory("1", "s", "red green blue"), 10);
  archive.ingest(memory("2", "s", "red"), 11);
  archive.ingest(memory("3", "t", "Red GREEN"), 12);
  archive.ingest(memory("4", "u", "violet"), 13);

  EXPECT_THAT(texts({.text = "red green blue"}),
              ElementsAre("Red GREEN current", "red current", "red green blue stale"));
}

TEST_F(ArchiveTest, AQueryThatBeginsAfterAnIngestSeesItAndSaysItsRevision) {
  const std::uint64_t before = archive.revision();
  const Memory stored = archive.ingest(memory("1", "s", "seen"), 10).value;

  EXPECT_EQ(stored.revision, before + 1);
  EXPECT_EQ(archive.query({.subject = "s"}).revision, stored.revision);
}

TEST_F(ArchiveTest, AnIngestThatIsSentAgainChangesNothing) {
  const Written<Memory> first = archive.ingest(memory("1", "s", "text"), 10);
  archive.ingest(memory("2", "s", "newer"), 11);
  const Written<Memory> again = archive.ingest(memory("1", "s", "text"), 12);

  EXPECT_FALSE(first.duplicate);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.value, first.value);
  EXPECT_THAT(texts({.subject = "s"}), ElementsAre("newer current", "text stale"));
}

TEST_F(ArchiveTest, AnIdWithOtherContentIsRefusedAndIdsAreEachAuthorsOwn) {
  archive.ingest(memory("1", "s", "text"), 10);

  EXPECT_EQ(refusal_of([&] { archive.ingest(memory("1", "s", "other"), 11); }), "id_reused");
  EXPECT_EQ(refusal_of([&] { archive.ingest(memory("1", "s", "other", "@bob"), 11); }), "");
}

TEST_F(ArchiveTest, AQueryIsPagedByTheResultsToLeaveOut) {
  for (int i = 0; i < 5; ++i) {
    archive.ingest(memory(fmt::format("{}", i), fmt::format("s{}", i), fmt::format("t{}", i)), 10);
  }

  const MemoryResults first = archive.query({.limit = 3});
  const MemoryResults rest = archive.query({.after = 3, .limit = 3});

  EXPECT_EQ(first.results.size(), 3u);
  EXPECT_TRUE(first.has_more);
  EXPECT_EQ(rest.results.size(), 2u);
  EXPECT_FALSE(rest.has_more);
}

TEST_F(ArchiveTest, FieldsThatAreWrongAreRefusedByName) {
  EXPECT_THAT(refusal_text([&] { archive.ingest(memory("a b", "s", "t"), 1); }), HasSubstr("id: expected 1 to 64"));
  EXPECT_THAT(refusal_text([&] { archive.ingest(memory("1", "a\nb", "t"), 1); }), HasSubstr("subject: expected"));
  EXPECT_THAT(refusal_text([&] { archive.ingest(memory("1", "s", std::string(16385, 'x')), 1); }),
              HasSubstr("text: expected at most 16384 bytes, got 16385"));
  EXPECT_THAT(refusal_text([&] { archive.query({.limit = 0}); }), HasSubstr("limit: expected 1 to 500"));
  EXPECT_THAT(refusal_text([&] { archive.query({.limit = 501}); }), HasSubstr("limit: expected 1 to 500"));
  Item unsure = item("i", ItemType::kHypothesis);
  unsure.confidence = 1.5;
  EXPECT_THAT(refusal_text([&] { archive.add(unsure, 1); }), HasSubstr("confidence: expected 0 to 1, got 1.5"));
  EXPECT_THAT(refusal_text([&] { add("c", ItemType::kPromotionCandidate); }), HasSubstr("affects:"));
}

TEST_F(ArchiveTest, OnlyMembersReadAndWriteAWorkspace) {
  add("t", ItemType::kTask);

  EXPECT_EQ(refusal_of([&] { add("x", ItemType::kTask, "@mallory"); }), "not_a_member");
  EXPECT_EQ(refusal_of([&] { change("@mallory", "t", "open", "claimed"); }), "not_a_member");
  EXPECT_EQ(refusal_of([&] { review("@mallory", "t", Review::kApprove); }), "not_a_member");
  EXPECT_EQ(refusal_of([&] { promote("@mallory", "t"); }), "not_a_member");
  EXPECT_EQ(refusal_of([&] { archive.items("@mallory", "w", {}); }), "not_a_member");
  EXPECT_EQ(refusal_of([&] { archive.item("@mallory", "w", "t"); }), "not_a_member");
  EXPECT_EQ(refusal_of([&] { archive.workspace("@mallory", "w"); }), "not_a_member");
  EXPECT_TRUE(archive.workspaces("@mallory", "", 10).entries.empty());
  EXPECT_EQ(archive.workspaces("@eve", "", 10).entries.size(), 1u);
}

// Every pair of states of every type: those of the table are allowed, all others are refused.
TEST_F(ArchiveTest, AnItemMovesByItsTableOnly) {
  const std::vector<std::string> states = {"open",     "claimed",   "completed", "failed",   "supported",
                                           "refuted",  "proposed",  "adopted",   "rejected", "pending",
                                           "promoted", "submitted", "approve",   "reject"};
  const std::vector<std::pair<ItemType, std::vector<std::vector<std::string>>>> ways = {
      {ItemType::kTask,
       {{"open"}, {"open", "claimed"}, {"open", "claimed", "completed"}, {"open", "claimed", "failed"}}},
      {ItemType::kHypothesis, {{"open"}, {"open", "supported"}, {"open", "refuted"}}},
      {ItemType::kEvidencePack, {{"submitted"}}},
      {ItemType::kDecision, {{"proposed"}, {"proposed", "adopted"}, {"proposed", "rejected"}}},
  };
  int number = 0;
  for (const auto& [type, paths] : ways) {
    for (const std::vector<std::string>& path : paths) {
      for (const std::string& to : states) {
        const std::string id = fmt::format("i{}", ++number);
        ASSERT_EQ(add(id, type).status, path.front());
        for (std::size_t i = 1; i < path.size(); ++i) {
          change("@bob", id, path[i - 1], path[i]);
        }
        const std::vector<std::string>& next = next_states(type, path.back());
        const bool allowed = std::find(next.begin(), next.end(), to) != next.end();

        const std::string refusal = refusal_of([&] { change("@bob", id, path.back(), to); });

        EXPECT_EQ(refusal, allowed ? "" : "state_changed") << to_string(type) << ": " << path.back() << " > " << to;
        EXPECT_EQ(archive.item("@ada", "w", id).status, allowed ? to : path.back());
      }
    }
  }
}

TEST_F(ArchiveTest, ATaskIsItsClaimersUntilItIsGivenBack) {
  add("t", ItemType::kTask);
  change("@bob", "t", "open", "claimed");

  EXPECT_EQ(refusal_of([&] { change("@eve", "t", "open", "claimed"); }), "state_changed");
  EXPECT_EQ(refusal_of([&] { change("@eve", "t", "claimed", "completed"); }), "not_yours");
  change("@bob", "t", "claimed", "open");
  change("@eve", "t", "open", "claimed");
  EXPECT_EQ(change("@eve", "t", "claimed", "completed").claimer, "@eve");
}

TEST_F(ArchiveTest, ATaskWithAnAssigneeIsClaimedByThatOne) {
  Item task = item("t", ItemType::kTask);
  task.assignee = "@eve";
  archive.add(task, 2);

  EXPECT_EQ(refusal_of([&] { change("@bob", "t", "open", "claimed"); }), "not_yours");
  EXPECT_EQ(change("@eve", "t", "open", "claimed").status, "claimed");
  Item stranger = item("u", ItemType::kTask);
  stranger.assignee = "@mallory";
  EXPECT_EQ(refusal_of([&] { archive.add(stranger, 2); }), "invalid_field");
}

TEST_F(ArchiveTest, AChangeThatIsSentAgainIsAnsweredAlthoughTheItemHasMovedOn) {
  add("t", ItemType::kTask);
  const StateChange claim{"c1", "open", "claimed", "mine"};
  archive.change("@bob", "w", "t", claim, 3);
  change("@bob", "t", "claimed", "completed");

  const Written<Item> again = archive.change("@bob", "w", "t", claim, 4);

  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.value.status, "completed");
  const StateChange other{"c1", "claimed", "failed", ""};
  EXPECT_EQ(refusal_of([&] { archive.change("@bob", "w", "t", other, 5); }), "id_reused");
}

TEST_F(ArchiveTest, NobodyDecidesWhatTheyProposed) {
  add("d", ItemType::kDecision);
  add("h", ItemType::kHypothesis);

  EXPECT_EQ(refusal_of([&] { change("@ada", "d", "proposed", "adopted"); }), "own_work");
  EXPECT_EQ(refusal_of([&] { change("@ada", "h", "open", "supported"); }), "own_work");
  EXPECT_EQ(change("@bob", "d", "proposed", "adopted").status, "adopted");
}

TEST_F(ArchiveTest, ACandidateIsPromotedOnlyAfterAnApprovalByAnotherAgent) {
  add("e", ItemType::kEvidencePack);
  add("c", ItemType::kPromotionCandidate, "@ada", {"e"});

  EXPECT_EQ(refusal_of([&] { promote("@ada", "c"); }), "not_reviewed");
  EXPECT_EQ(refusal_of([&] { change("@bob", "c", "pending", "promoted"); }), "not_reviewed");
  EXPECT_EQ(refusal_of([&] { review("@ada", "c", Review::kApprove); }), "own_work");
  EXPECT_EQ(refusal_of([&] { promote("@ada", "c"); }), "not_reviewed") << "after an approval that was refused";
  EXPECT_TRUE(texts({.subject = "promoted/w/c"}).empty());

  review("@bob", "c", Review::kApprove);
  const Promotion promotion = promote("@ada", "c");

  EXPECT_EQ(promotion.item.status, "promoted");
  EXPECT_THAT(promotion.memory.supports, ElementsAre("item:w/e"));
  EXPECT_EQ(texts({.subject = "promoted/w/c"}).size(), 1u);
}

TEST_F(ArchiveTest, TheAuthorOfWhatWouldBePromotedDoesNotReviewIt) {
  add("e1", ItemType::kEvidencePack, "@eve");
  add("e2", ItemType::kEvidencePack, "@bob");
  add("c", ItemType::kPromotionCandidate, "@ada", {"e1", "e2"});

  EXPECT_EQ(refusal_of([&] { review("@bob", "c", Review::kApprove); }), "own_work");
  EXPECT_EQ(refusal_of([&] { review("@eve", "c", Review::kApprove); }), "own_work");
}

TEST_F(ArchiveTest, OneRejectionEndsACandidateAlsoAfterAnApproval) {
  add("e", ItemType::kEvidencePack);
  add("c", ItemType::kPromotionCandidate, "@ada", {"e"});
  review("@bob", "c", Review::kApprove);

  review("@eve", "c", Review::kReject);

  EXPECT_EQ(archive.item("@ada", "w", "c").status, "rejected");
  EXPECT_EQ(refusal_of([&] { promote("@bob", "c"); }), "state_changed");
  EXPECT_EQ(refusal_of([&] { review("@bob", "c", Review::kApprove); }), "state_changed");
}

TEST_F(ArchiveTest, APromotionThatIsSentAgainMakesOneMemory) {
  add("e", ItemType::kEvidencePack);
  add("c", ItemType::kPromotionCandidate, "@ada", {"e"});
  review("@bob", "c", Review::kApprove);
  const Written<Promotion> first = archive.promote("@ada", "w", "c", "p", 5);

  const Written<Promotion> again = archive.promote("@ada", "w", "c", "p", 6);

  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.value.memory, first.value.memory);
  EXPECT_EQ(texts({.subject = "promoted/w/c"}).size(), 1u);
  EXPECT_EQ(refusal_of([&] { promote("@eve", "c"); }), "state_changed");
}

TEST_F(ArchiveTest, APublicationIsSeenByOthersOnlyAfterAnotherAgentApprovedIt) {
  Publication publication;
  publication.id = "p";
  publication.author = "@ada";
  publication.title = "What we found";
  publication.text = "It holds.";
  archive.publish(publication, 10);

  EXPECT_TRUE(archive.commons("@bob", {}).entries.empty());
  EXPECT_TRUE(archive.commons("@bob", {.state = "submitted"}).entries.empty());
  EXPECT_EQ(archive.commons("@ada", {.state = "submitted"}).entries.size(), 1u);
  EXPECT_EQ(refusal_of([&] { archive.review_publication("@ada", "p", "r", Review::kApprove, "", 11); }), "own_work");

  const Written<Publication> published = archive.review_publication("@bob", "p", "r", Review::kApprove, "good", 12);
  const Written<Publication> again = archive.review_publication("@bob", "p", "r", Review::kApprove, "good", 13);

  EXPECT_EQ(published.value.status, "published");
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.value, published.value);
  EXPECT_EQ(archive.commons("@mallory", {.text = "FOUND"}).entries.size(), 1u);
  EXPECT_TRUE(archive.commons("@mallory", {.text = "lost"}).entries.empty());
  EXPECT_TRUE(archive.commons("@ada", {.state = "submitted"}).entries.empty());
  EXPECT_EQ(refusal_of([&] { archive.review_publication("@eve", "p", "r2", Review::kReject, "", 14); }),
            "state_changed");
}

TEST_F(ArchiveTest, ARejectedPublicationIsItsAuthorsAlone) {
  Publication publication;
  publication.id = "p";
  publication.author = "@ada";
  publication.title = "Title";
  archive.publish(publication, 10);

  archive.review_publication("@bob", "p", "r", Review::kReject, "no source", 12);

  EXPECT_TRUE(archive.commons("@bob", {.state = "rejected"}).entries.empty());
  EXPECT_TRUE(archive.commons("@bob", {}).entries.empty());
  EXPECT_EQ(archive.commons("@ada", {.state = "rejected"}).entries.size(), 1u);
}

TEST_F(ArchiveTest, ItemsArePagedInTheOrderOfTheirIds) {
  for (const char* id : {"c", "a", "d", "b"}) {
    add(id, ItemType::kTask);
  }
  add("e", ItemType::kDecision);

  const Page<Item> first = archive.items("@bob", "w", {.type = ItemType::kTask, .limit = 3});
  const Page<Item> rest = archive.items("@bob", "w", {.type = ItemType::kTask, .after = "c", .limit = 3});

  EXPECT_TRUE(first.has_more);
  ASSERT_EQ(rest.entries.size(), 1u);
  EXPECT_EQ(rest.entries.front().id, "d");
  EXPECT_FALSE(rest.has_more);
}

TEST(CodecTest, WhatIsWrittenIsReadBackTheSame) {
  Item item;
  item.id = "i";
  item.workspace = "w";
  item.type = ItemType::kDecision;
  item.status = "proposed";
  item.author = "@ada";
  item.text = "\"quoted\"\n\x01 and \xC3\xA4";
  item.confidence = 0.86;
  item.supports = {"url:https://example.org"};
  item.tags = {"a", "b"};
  item.at = -1;
  item.revision = INT64_MAX;

  EXPECT_EQ(decode_item(json_of(item).object()), item);
  item.confidence.reset();
  EXPECT_EQ(decode_item(json_of(item).object()), item);
  EXPECT_THROW(decode_item("{\"id\":\"i\"}"), Problem);
  EXPECT_THROW(decode_item(json_of(item).object().substr(1)), Problem);
}

}  // namespace
}  // namespace mesh

// SPDX-License-Identifier: Apache-2.0
// The plan of faults, and the verdict on a run: each of its findings comes for its reason, and for no other.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/edge/chat.h"
#include "mesh/edge/fake_chat.h"
#include "mesh/harness/artifacts.h"
#include "mesh/harness/fault_plan.h"
#include "mesh/harness/verdict.h"
#include "soak/error.h"
#include "soak/event_loop.h"

namespace mesh {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<Fault> parse(std::string_view text, std::uint64_t seed = 1) {
  return parse_fault_plan(text, 100s, Cluster::nodes(3), seed);
}

std::string error_of(std::string_view text) {
  try {
    parse(text);
  } catch (const soak::Error& error) {
    return error.what();
  }
  return "";
}

TEST(FaultPlanTest, EveryKindOfLineIsRead) {
  const std::vector<Fault> faults = parse(R"(
# a comment
at 50% stop demo-agent-b for 3s   # another
at 20s kill archive
at 80s slow demo-agent-a directory for 5s latency 100ms rate 20kB
at 90s clock demo-agent-c -120s
every 10s from 1s to 25s restart directory
)");

  std::vector<std::string> texts;
  for (const Fault& fault : faults) {
    texts.push_back(fmt::format("{} {}", fault.at / 1s, to_string(fault)));
  }
  EXPECT_THAT(texts,
              ElementsAre("1 restart directory", "11 restart directory", "20 kill archive", "21 restart directory",
                          "50 stop demo-agent-b for 3s", "80 slow demo-agent-a directory for 5s latency 0.1s rate 20kB",
                          "90 clock demo-agent-c -120s"));
}

TEST(FaultPlanTest, AnyEdgeFollowsFromTheSeed) {
  const std::string_view plan = "every 1s from 1s to 50s kill edge";

  EXPECT_EQ(parse(plan, 7), parse(plan, 7));
  EXPECT_NE(parse(plan, 7), parse(plan, 8));
}

TEST(FaultPlanTest, AWrongLineIsNamedWithWhatIsExpected) {
  EXPECT_THAT(error_of("at 1s kill archive\nat 2s explode archive"),
              HasSubstr("line 2: expected kill, restart, stop, cut, slow, fill or clock, got \"explode\""));
  EXPECT_THAT(error_of("at 1s kill edge-x"), HasSubstr("line 1: expected directory, archive, demo-agent-a"));
  EXPECT_THAT(error_of("at soon kill edge"), HasSubstr("expected a time such as"));
  EXPECT_THAT(error_of("at 1s stop edge"), HasSubstr("expected \"for\" at its end"));
  EXPECT_THAT(error_of("at 1s cut archive edge for 1s"), HasSubstr("expected demo-agent-a"));
  EXPECT_THAT(error_of("at 1s slow edge archive for 1s"), HasSubstr("expected a latency or a rate"));
  EXPECT_THAT(error_of("every 0s from 0s to 9s kill edge"), HasSubstr("expected a period"));
  EXPECT_THAT(error_of("at 1s kill edge now"), HasSubstr("expected nothing more, got \"now\""));
}

TEST(FaultPlanTest, TheDefaultPlanHasEveryKindForAnyLength) {
  for (const std::chrono::nanoseconds duration : {20s, 180s, 3600s}) {
    const std::vector<Fault> faults = parse_fault_plan(default_fault_plan(), duration, Cluster::nodes(3), 1);
    std::set<FaultKind> kinds;
    for (const Fault& fault : faults) {
      kinds.insert(fault.kind);
      EXPECT_LE(fault.at, duration);
    }
    EXPECT_EQ(kinds.size(), 7u);
  }
}

// Two edges that exchanged a request, its response and the receipts, read back an ingest, and held a gate.
class VerdictTest : public testing::Test {
 protected:
  VerdictTest() {
    exchange("m-1");
    a(R"({"event":"memory_ingested","subject":"s","number":3})");
    a(R"({"event":"memory_read","subject":"s","wanted":3,"got":3})");
    a(R"({"event":"gate_held","text":"own"})");
    Item evidence_item = item("e", ItemType::kEvidencePack, "@a");
    Item candidate = item("c", ItemType::kPromotionCandidate, "@a", {"e"});
    candidate.status = "promoted";
    Item review = item("r", ItemType::kReview, "@b", {"c"});
    review.status = "approve";
    content.items = {evidence_item, candidate, review};
    Publication publication;
    publication.id = "p";
    publication.author = "@a";
    publication.status = "published";
    publication.reviewer = "@b";
    content.publications = {publication};
    content.current["s"] = 3;
  }

  void a(std::string_view line) { evidence.add_line("@a", line); }
  void b(std::string_view line) { evidence.add_line("@b", line); }
  static std::string acknowledged(std::string_view id, std::string_view to, std::string_view kind,
                                  std::string_view reply = "") {
    return fmt::format(R"({{"event":"message_acknowledged","id":"{}","to":"{}","kind":"{}","in_reply_to":"{}"}})", id,
                       to, kind, reply);
  }
  static std::string handled(std::string_view from, std::string_view id, std::string_view kind,
                             std::string_view reply = "") {
    return fmt::format(R"({{"event":"message_handled","from":"{}","id":"{}","kind":"{}","in_reply_to":"{}"}})", from,
                       id, kind, reply);
  }
  // @a asks @b.
  void exchange(const std::string& id) {
    a(acknowledged(id, "@b", "query_request"));
    b(handled("@a", id, "query_request"));
    b(acknowledged(id + "r", "@a", "receipt", id));
    b(acknowledged(id + "q", "@a", "query_response", id));
    a(handled("@b", id + "r", "receipt", id));
    a(handled("@b", id + "q", "query_response", id));
    a(acknowledged(id + "x", "@b", "receipt", id + "q"));
    b(handled("@a", id + "x", "receipt", id + "q"));
  }
  static Item item(std::string id, ItemType type, std::string author, std::vector<std::string> affects = {}) {
    Item item;
    item.id = std::move(id);
    item.type = type;
    item.author = std::move(author);
    item.affects = std::move(affects);
    return item;
  }

  std::vector<std::string> subjects() const {
    std::vector<std::string> subjects;
    for (const soak::probe::Finding& finding : judge(evidence)) {
      subjects.push_back(finding.subject);
    }
    for (const soak::probe::Finding& finding : judge(evidence, content)) {
      subjects.push_back(finding.subject);
    }
    return subjects;
  }

  Evidence evidence;
  ArchiveContent content;
};

TEST_F(VerdictTest, ARunThatIsAsItShouldBeHasNoFinding) {
  EXPECT_THAT(subjects(), IsEmpty());
  EXPECT_EQ(evidence.all_signals().mesh_messages_sent, 4u);
  EXPECT_EQ(evidence.all_signals().receipts_seen, 2u);
}

TEST_F(VerdictTest, ARepeatedAcknowledgementIsNoSecondMessage) {
  a(acknowledged("m-1", "@b", "query_request"));

  EXPECT_THAT(subjects(), IsEmpty());
  EXPECT_EQ(evidence.all_signals().mesh_messages_sent, 4u);
}

TEST_F(VerdictTest, AnAcknowledgedMessageThatNobodyHandledIsLost) {
  a(acknowledged("m-9", "@b", "receipt", "z"));

  EXPECT_THAT(subjects(), ElementsAre("lost"));
}

TEST_F(VerdictTest, AMessageThatWasHandledTwiceIsFound) {
  b(handled("@a", "m-1", "query_request"));

  EXPECT_THAT(subjects(), ElementsAre("handled twice"));
}

TEST_F(VerdictTest, AMessageThatAnotherEdgeHandledIsFound) {
  a(acknowledged("m-9", "@c", "receipt", "z"));
  b(handled("@a", "m-9", "receipt", "z"));

  EXPECT_THAT(subjects(), ElementsAre("misdelivered", "receipts"));
}

TEST_F(VerdictTest, AMessageThatNobodySentIsFound) {
  b(handled("@a", "m-9", "query_request"));

  EXPECT_THAT(subjects(), ElementsAre("unsent"));
}

TEST_F(VerdictTest, ARequestWithoutResponseAndReceiptIsFound) {
  a(acknowledged("m-9", "@b", "task_request"));
  b(handled("@a", "m-9", "task_request"));

  EXPECT_THAT(subjects(), ElementsAre("unanswered", "receipts"));
}

TEST_F(VerdictTest, ASecondResponseIsFound) {
  b(acknowledged("m-1z", "@a", "query_response", "m-1"));
  a(handled("@b", "m-1z", "query_response", "m-1"));
  a(acknowledged("m-1y", "@b", "receipt", "m-1z"));
  b(handled("@a", "m-1y", "receipt", "m-1z"));

  EXPECT_THAT(subjects(), ElementsAre("answered twice"));
}

TEST_F(VerdictTest, AQueryBehindAnIngestIsFound) {
  b(R"({"event":"memory_read","subject":"s","wanted":3,"got":2})");

  EXPECT_THAT(subjects(), ElementsAre("stale query"));
}

TEST_F(VerdictTest, AGateThatDidNotHoldIsFound) {
  a(R"({"event":"gate_broken","text":"the review of x by its author: 201"})");

  EXPECT_THAT(subjects(), ElementsAre("gate"));
}

TEST_F(VerdictTest, APromotionWithoutAReviewByAnotherIsFoundInTheArchive) {
  content.items[2].author = "@a";

  EXPECT_THAT(subjects(), ElementsAre("gate", "own work"));
  content.items.pop_back();
  EXPECT_THAT(subjects(), ElementsAre("gate"));
}

TEST_F(VerdictTest, AnAcknowledgedWriteThatTheArchiveDoesNotHoldIsLost) {
  a(R"({"event":"promoted","candidate":"c"})");
  a(R"({"event":"published","publication":"p"})");
  EXPECT_THAT(subjects(), IsEmpty());
  content.current["s"] = 2;
  EXPECT_THAT(subjects(), ElementsAre("lost"));
  content.current["s"] = 3;
  a(R"({"event":"promoted","candidate":"c2"})");
  EXPECT_THAT(subjects(), ElementsAre("lost"));
}

TEST(VerdictOfNothingTest, WhatWasNotExercisedIsNotClean) {
  EXPECT_EQ(judge(Evidence()).size(), 4u);
  EXPECT_EQ(judge(Evidence(), ArchiveContent()).size(), 2u);
}

TEST_F(VerdictTest, TornEventsAreFound) {
  a("{\"event\":\"message_hand");

  EXPECT_THAT(subjects(), ElementsAre("events"));
}

TEST(RecoveryTest, PercentilesAreNearestRanks) {
  std::vector<Recovery> recoveries;
  for (int i = 1; i <= 100; ++i) {
    recoveries.push_back({"archive", fmt::format("kill {}", i), 0s, std::chrono::milliseconds(i)});
  }

  const RecoveryTimes times = recovery_times(recoveries);

  EXPECT_EQ(times.p50_ms, 50);
  EXPECT_EQ(times.p99_ms, 99);
  EXPECT_EQ(times.max_ms, 100);
  EXPECT_EQ(times.slowest, "kill 100");
  EXPECT_EQ(recovery_times({}).count, 0u);
}

const char* no_variable(const char*) { return nullptr; }

TEST(ChatOptionsTest, OursComeBeforeTheOriginalsNames) {
  const auto get = [](const char* name) -> const char* {
    const std::string_view text = name;
    return text == "MESH_LLM_MODEL"               ? "ours"
           : text == "SYNTHIEN_WORKLOAD_MODEL"    ? "theirs"
           : text == "SYNTHIEN_WORKLOAD_BASE_URL" ? "http://127.0.0.1:1/v1/"
           : text == "SYNTHIEN_WORKLOAD_API_KEY"  ? "k"
                                                  : nullptr;
  };
  const ChatOptions options = chat_options_from(get, {});

  EXPECT_EQ(options.model, "ours");
  EXPECT_EQ(options.base_url, "http://127.0.0.1:1/v1");
  EXPECT_EQ(options.key, "k");
  EXPECT_EQ(chat_options_from(no_variable, {.base_url = "http://x"}).base_url, "http://x");
}

TEST(ChatOptionsTest, AWrongValueIsNamed) {
  const auto with = [](std::string_view name, const char* value) {
    return [name, value](const char* asked) -> const char* { return name == asked ? value : nullptr; };
  };
  EXPECT_THROW(chat_options_from(with("MESH_LLM_API_MODE", "responses"), {}), soak::Error);
  EXPECT_THROW(chat_options_from(with("MESH_LLM_BASE_URL", "localhost"), {}), soak::Error);
  EXPECT_THROW(chat_options_from(with("ENABLE_LLM_TASKS", "yes"), {}), soak::Error);
  EXPECT_EQ(chat_options_from(with("ENABLE_LLM_TASKS", "0"), {.base_url = "http://x"}).base_url, "");
}

TEST(ChatTest, TheFakeAnswersAndRefusesAWrongKey) {
  soak::VirtualLoop loop;
  FakeChatOptions fake_options;
  fake_options.key = "right";
  FakeChat fake(loop, fake_options);
  ChatOptions options;
  options.base_url = fake.base_url();
  options.key = "right";
  Chat chat(loop, options);

  EXPECT_THAT(loop.run(chat.complete("why")), HasSubstr("Observation: why"));
  options.key = "secret-that-is-wrong";
  Chat wrong(loop, options);
  try {
    loop.run(wrong.complete("why"));
    FAIL() << "it was accepted";
  } catch (const soak::Error& error) {
    EXPECT_EQ(error.code(), soak::Errc::kAuthentication);
    EXPECT_THAT(error.what(), testing::Not(HasSubstr("secret-that-is-wrong")));
  }
  EXPECT_EQ(fake.completions(), 1u);
}

}  // namespace
}  // namespace mesh

// SPDX-License-Identifier: Apache-2.0
// The dogfood gate: each of its checks fails for its reason, and the leak scan can fail.

#include "mesh/harness/dogfood.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "conftest/scratch_folder.h"
#include "mesh/encoding.h"
#include "mesh/harness/leak_scan.h"

namespace mesh {
namespace {

using soak::conftest::ScratchFolder;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(LeakScanTest, ASecretIsFoundInEveryFormAndNamedWithoutItsValue) {
  const std::vector<Secret> secrets = {{"a/key", "very-secret-value"}};
  for (const std::string& form : {secrets[0].value, hex(secrets[0].value), base64(secrets[0].value)}) {
    EXPECT_THAT(find_leaks("log", "x " + form + " y", secrets), ElementsAre(Leak{"log", "the secret a/key"})) << form;
  }
  EXPECT_THAT(find_leaks("log", "nothing of it", secrets), IsEmpty());
}

TEST(LeakScanTest, StringsThatLookLikeKeysAreFoundAndOthersAreNot) {
  EXPECT_THAT(find_leaks("log", "key=sk-abcdefghijklmnopqrstuvwx", {}),
              ElementsAre(Leak{"log", "an API key of the form sk-"}));
  EXPECT_THAT(find_leaks("log", "AKIAABCDEFGHIJKLMNOP", {}), ElementsAre(Leak{"log", "an AWS key"}));
  EXPECT_THAT(find_leaks("log", "task-demo-agent-a-m-12345678901234567890 sk-short", {}), IsEmpty());
}

TEST(LeakScanTest, AFolderIsScannedWithCanariesAndOnlyTheFilesThatHoldSecretsAreLeftOut) {
  const ScratchFolder folder;
  std::ofstream(folder / "key") << "very-secret-value";
  std::ofstream(folder / "aggregate.json") << "{}";
  const std::vector<Secret> secrets = {{"key", "very-secret-value"}};

  const ScanResult clean = scan_folder(folder / "", secrets);
  std::ofstream(folder / "log") << "oops very-secret-value";
  const ScanResult leaked = scan_folder(folder / "", secrets);

  EXPECT_THAT(clean.leaks, IsEmpty());
  EXPECT_THAT(clean.missed_canaries, IsEmpty());
  EXPECT_EQ(clean.files, 1u);
  EXPECT_THAT(leaked.leaks, ElementsAre(Leak{"log", "the secret key"}));
}

Item artifact() {
  Item item;
  item.id = "i";
  item.type = ItemType::kEvidencePack;
  item.text = "Source: url:x\nObservation: y";
  item.supports = {"message:@a/m-1"};
  item.confidence = 0.9;
  item.tags = {"run:1"};
  return item;
}

TEST(DogfoodTest, AnArtifactIsHeldToEveryPartOfTheRule) {
  EXPECT_EQ(artifact_flaw(artifact(), "run:1"), "");
  EXPECT_NE(artifact_flaw(artifact(), "run:2"), "");
  const auto broken = [](auto breaks) {
    Item item = artifact();
    breaks(item);
    return artifact_flaw(item, "run:1");
  };
  EXPECT_NE(broken([](Item& item) { item.type = ItemType::kTask; }), "");
  EXPECT_NE(broken([](Item& item) { item.text = "Source: x"; }), "");
  EXPECT_NE(broken([](Item& item) { item.text += std::string(kTextBytesMax, 'x'); }), "");
  EXPECT_NE(broken([](Item& item) { item.supports.clear(); }), "");
  EXPECT_NE(broken([](Item& item) { item.confidence.reset(); }), "");
}

std::vector<std::string> failed_gates(const Evidence& evidence, const ArchiveContent& content, const ScanResult& scan,
                                      std::uint64_t sends_max = 10, std::vector<std::string> missing = {}) {
  std::vector<std::string> failed;
  for (const DogfoodGate& gate : judge_dogfood({sends_max, "run:1", std::move(missing), evidence, content, scan})) {
    if (!gate.passed) {
      failed.push_back(gate.name);
    }
  }
  return failed;
}

TEST(DogfoodTest, EachGateFailsForItsReason) {
  Evidence evidence;
  evidence.add_line("@a", R"({"event":"message_acknowledged","id":"m-1","to":"@b","kind":"task_request"})");
  evidence.add_line("@b", R"({"event":"message_handled","from":"@a","id":"m-1","kind":"task_request"})");
  evidence.add_line("@a", R"({"event":"message_handled","from":"@b","id":"m-1","kind":"receipt","in_reply_to":"m-1"})");
  Evidence unanswered = evidence;
  evidence.add_line("@a",
                    R"({"event":"message_handled","from":"@b","id":"m-2","kind":"task_response","in_reply_to":"m-1"})");
  ArchiveContent content;
  content.items = {artifact()};
  ScanResult scan;
  scan.files = 1;

  EXPECT_THAT(failed_gates(evidence, content, scan), IsEmpty());
  EXPECT_THAT(failed_gates(evidence, content, scan, 0), ElementsAre("sends"));
  EXPECT_THAT(failed_gates(evidence, content, scan, 10, {"a to b"}), ElementsAre("links"));
  EXPECT_THAT(failed_gates(unanswered, content, scan), ElementsAre("delivery"));
  content.items[0].supports = {"url:x"};
  EXPECT_THAT(failed_gates(evidence, content, scan), ElementsAre("workspace"));
  content.items = {artifact()};
  content.items[0].confidence.reset();
  EXPECT_THAT(failed_gates(evidence, content, scan), ElementsAre("artifacts"));
  content.items = {artifact()};
  scan.missed_canaries = {"an AWS key"};
  EXPECT_THAT(failed_gates(evidence, content, scan), ElementsAre("leaks"));
}

}  // namespace
}  // namespace mesh

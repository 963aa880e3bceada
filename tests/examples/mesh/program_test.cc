// SPDX-License-Identifier: Apache-2.0
// The program, from outside: its command line, and a real process that is killed in mid-traffic on a real file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"
#include "mesh/encoding.h"
#include "mesh/identity.h"
#include "mesh/json.h"
#include "mesh/signed_client.h"
#include "soak/event_loop.h"
#include "soak/gather.h"
#include "soak/net/http.h"
#include "soak/task.h"
#include "tests/examples/mesh/mesh_fixture.h"

namespace mesh::tests {
namespace {

using namespace std::chrono_literals;
using soak::conftest::Program;
using soak::conftest::ProgramResult;
using soak::conftest::run_program;
using soak::conftest::ScratchFolder;
using testing::HasSubstr;

// `mesh directory` on a file, killed and started as often as wanted.
class DirectoryProcess {
 public:
  explicit DirectoryProcess(const ScratchFolder& folder, std::vector<std::string> more = {})
      : arguments_({MESH_PROGRAM, "directory", "--db", folder / "mesh.db"}) {
    arguments_.insert(arguments_.end(), more.begin(), more.end());
    start();
  }

  void start() {
    std::vector<std::string> arguments = arguments_;
    if (!url_.empty()) {
      arguments.insert(arguments.end(), {"--port", url_.substr(url_.rfind(':') + 1)});
    }
    program_ = std::make_unique<Program>(arguments);
    ASSERT_TRUE(program_->read_until("\n")) << program_->output();
    url_ = soak::conftest::line_after(program_->output(), "directory listening ");
    ASSERT_FALSE(url_.empty()) << program_->output();
  }
  void kill() {
    program_->signal(SIGKILL);
    program_->wait();
  }
  ProgramResult end() {
    program_->signal(SIGTERM);
    return program_->wait();
  }
  const std::string& url() const { return url_; }

 private:
  std::vector<std::string> arguments_;
  std::string url_;
  std::unique_ptr<Program> program_;
};

Task<> begin(Agent& ada, Agent& bob) {
  const HttpResponse of_ada = co_await ada.client.post("/v1/agents", ada.registration());
  EXPECT_EQ(outcome(of_ada), "201");
  const HttpResponse of_bob = co_await bob.client.post("/v1/agents", bob.registration());
  EXPECT_EQ(outcome(of_bob), "201");
  const HttpResponse invite = co_await ada.client.post("/v1/invites", R"({"id":"i","scope":"mirror","seconds":600})");
  const std::string token = R"({"token":")" + JsonObject(invite.body).name("token", 128) + "\"}";
  const HttpResponse joined = co_await bob.client.post("/v1/links", token);
  EXPECT_EQ(outcome(joined), "201");
}

// All of the inbox.
Task<std::vector<std::string>> drain_inbox(Agent& agent) {
  std::vector<std::string> all;
  std::string after = "0";
  for (;;) {
    const HttpResponse page = co_await agent.client.get("/v1/relay/inbox?limit=500&after=" + after);
    const std::vector<std::string> messages = messages_in(page);
    all.insert(all.end(), messages.begin(), messages.end());
    if (messages.empty() || !JsonObject(page.body).boolean("has_more")) {
      co_return all;
    }
    after = messages.back().substr(messages.back().rfind(' ') + 1);
  }
}

TEST(MeshProgramTest, AWrongCommandLineIsExitStatus2AndNamesWhatIsExpected) {
  const ScratchFolder folder;
  const std::string db = folder / "mesh.db";
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{MESH_PROGRAM}, "mesh: expected a command"},
      {{MESH_PROGRAM, "serve"}, "mesh: unknown command serve"},
      {{MESH_PROGRAM, "directory"}, "mesh directory: --db is missing"},
      {{MESH_PROGRAM, "directory", "--db"}, "mesh directory: --db needs a value"},
      {{MESH_PROGRAM, "directory", "--db", db, "--db=b"}, "mesh directory: --db is given twice"},
      {{MESH_PROGRAM, "directory", "--db", db, "--port", "70000"},
       "mesh directory: --port: \"70000\", expected a number from 0 to 65535"},
      {{MESH_PROGRAM, "directory", "--db", db, "b"}, "mesh directory: unexpected argument b"},
      {{MESH_PROGRAM, "relay", "--db", db, "--no-relay"}, "mesh relay: unknown option --no-relay"},
      {{MESH_PROGRAM, "relay", "--db", db}, "mesh relay: --directory is missing"},
  };
  for (const auto& [arguments, expected] : wrong) {
    const ProgramResult result = run_program(arguments);
    EXPECT_EQ(result.exit_status, 2) << expected;
    EXPECT_THAT(result.output, HasSubstr(expected));
    EXPECT_THAT(result.output, HasSubstr("usage:"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));  // Nothing was made.
}

TEST(MeshProgramTest, SigtermEndsItAndASecondUserOfTheFileIsRefused) {
  const ScratchFolder folder;
  DirectoryProcess directory(folder);
  const ProgramResult second = run_program({MESH_PROGRAM, "directory", "--db", folder / "mesh.db"});
  EXPECT_EQ(second.exit_status, 1);
  EXPECT_THAT(second.output, HasSubstr("mesh.db is in use by another process"));

  const ProgramResult ended = directory.end();
  EXPECT_EQ(ended.exit_status, 0);
  EXPECT_THAT(ended.output, HasSubstr("directory stopped\n"));
}

// Four senders, who send again what got no answer, and a SIGKILL whenever forty more are acknowledged.
TEST(MeshProgramTest, KilledInMidTrafficItLosesAndDoublesNothingThatItAcknowledged) {
  constexpr std::size_t kKills = 3;
  constexpr std::size_t kBetweenKills = 40;
  constexpr std::size_t kMessages = (kKills + 1) * kBetweenKills;
  const ScratchFolder folder;
  DirectoryProcess directory(folder);
  soak::UvLoop loop;
  Agent ada(loop, "ada", directory.url());
  Agent bob(loop, "bob", directory.url());
  std::set<std::string> acknowledged;
  std::size_t kills = 0;

  const auto sender = [&](int number) -> Task<> {
    for (std::size_t i = 0; acknowledged.size() < kMessages; ++i) {
      const std::string id = std::to_string(number) + "-" + std::to_string(i);
      for (int status = 0; status != 200 && status != 201;) {
        try {
          const HttpResponse response = co_await ada.client.post("/v1/relay/messages", message(id, "@bob"));
          status = response.status;
        } catch (const soak::net::HttpError&) {
          // The kill met this request: send it again.
        }
        if (acknowledged.size() >= (kills + 1) * kBetweenKills && kills < kKills) {
          ++kills;
          directory.kill();
          directory.start();
        }
      }
      acknowledged.insert(id);
    }
  };
  std::vector<std::string> delivered;
  loop.run([&]() -> Task<> {
    co_await begin(ada, bob);
    std::vector<Task<>> senders;
    for (int number = 0; number < 4; ++number) {
      senders.push_back(sender(number));
    }
    Task<std::vector<soak::GatherResult<void>>> sending = soak::gather(std::move(senders));
    const std::vector<soak::GatherResult<void>> ended = co_await std::move(sending);
    delivered = co_await drain_inbox(bob);
  }());

  EXPECT_EQ(kills, kKills);
  std::set<std::string> ids;
  for (std::size_t i = 0; i < delivered.size(); ++i) {
    EXPECT_TRUE(ids.insert(delivered[i].substr(0, delivered[i].find(' '))).second) << delivered[i];
    EXPECT_THAT(delivered[i], testing::EndsWith(" at " + std::to_string(i + 1)));
  }
  for (const std::string& id : acknowledged) {
    EXPECT_EQ(ids.count(id), 1u) << id;
  }
}

// The limit of the file's size stands for the disk's.
TEST(MeshProgramTest, AFullDiskRefusesAndGoesOnWhenThereIsRoom) {
  const ScratchFolder folder;
  DirectoryProcess directory(folder, {"--db-pages-max", "100"});
  soak::UvLoop loop;
  Agent ada(loop, "ada", directory.url());
  Agent bob(loop, "bob", directory.url());
  const std::string body = R"({"text":")" + std::string(20000, 'x') + "\"}";

  loop.run([&]() -> Task<> {
    co_await begin(ada, bob);
    std::size_t stored = 0;
    std::string refusal;
    for (int i = 0; i < 100 && refusal.empty(); ++i) {
      const HttpResponse response = co_await ada.client.post(
          "/v1/relay/messages", message("m" + std::to_string(i), "@bob", "query_request", "", body));
      if (response.status == 201) {
        ++stored;
      } else {
        refusal = outcome(response);
      }
    }
    EXPECT_EQ(refusal, "507 storage_full");
    EXPECT_GT(stored, 0u);
    const std::vector<std::string> delivered = co_await drain_inbox(bob);
    EXPECT_EQ(delivered.size(), stored);

    const HttpResponse acked = co_await bob.client.post("/v1/relay/ack", R"({"up_to":)" + std::to_string(stored) + "}");
    EXPECT_EQ(acked.status, 200) << acked.body;
    const HttpResponse again = co_await ada.client.post("/v1/relay/messages", message("again", "@bob"));
    EXPECT_EQ(again.status, 201) << again.body;
  }());
}

}  // namespace
}  // namespace mesh::tests

// SPDX-License-Identifier: Apache-2.0
// The Archive's routes, beside a Directory in the same virtual time.

#include "mesh/archive/archive_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "mesh/remote_registry.h"
#include "tests/examples/mesh/mesh_fixture.h"

namespace mesh::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

class ArchiveServiceTest : public MeshTest {
 protected:
  ArchiveServiceTest() { start_archive(); }

  void start_archive() {
    storage_ = std::make_unique<MemoryStorage>(loop_, disk_);
    registry_ = std::make_unique<RemoteRegistry>(loop_, node_.url());
    authenticator_ = std::make_unique<Authenticator>(loop_, *storage_, *registry_);
    ServiceOptions listening;
    listening.port = 8081;
    service_ = std::make_unique<Service>(loop_, listening);
    archive_ = std::make_unique<ArchiveService>(loop_, *storage_, *authenticator_, service_->routes());
    ada_archive_ = std::make_unique<SignedClient>(loop_, ada_.key, service_->url());
    bob_archive_ = std::make_unique<SignedClient>(loop_, bob_.key, service_->url());
  }
  // What a SIGKILL and a new start leave.
  void restart_archive() {
    ada_archive_.reset();
    bob_archive_.reset();
    archive_.reset();
    service_.reset();
    authenticator_.reset();
    registry_.reset();
    storage_.reset();
    start_archive();
  }

  Task<std::string> outcome_of(Task<HttpResponse> call) {
    const HttpResponse response = co_await std::move(call);
    last_ = response.body;
    co_return outcome(response);
  }
  std::string post(SignedClient& client, std::string path, std::string json) {
    return loop_.run(outcome_of(client.post(std::move(path), std::move(json))));
  }
  std::string get(SignedClient& client, std::string path) { return loop_.run(outcome_of(client.get(std::move(path)))); }
  std::string page(std::string path) {
    soak::net::HttpClient client(loop_);
    soak::net::HttpRequest request("GET", service_->url() + path);
    return loop_.run(outcome_of(client.send(std::move(request))));
  }
  SignedClient& ada() { return *ada_archive_; }
  SignedClient& bob() { return *bob_archive_; }

  void make_workspace() {
    run(begin());
    ASSERT_EQ(post(ada(), "/v1/workspaces", R"({"id":"w","title":"Work","members":["@bob"]})"), "201");
  }

  std::string last_;

 private:
  MemoryDisk disk_;
  std::unique_ptr<MemoryStorage> storage_;
  std::unique_ptr<RemoteRegistry> registry_;
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<ArchiveService> archive_;
  std::unique_ptr<SignedClient> ada_archive_;
  std::unique_ptr<SignedClient> bob_archive_;
};

TEST_F(ArchiveServiceTest, AnIngestIsReadBackAlsoAfterARestart) {
  run(begin());
  EXPECT_EQ(post(ada(), "/v1/memory/ingest", R"({"id":"1","subject":"s","text":"first"})"), "201");
  EXPECT_EQ(post(ada(), "/v1/memory/ingest", R"({"id":"1","subject":"s","text":"first"})"), "200");
  EXPECT_THAT(last_, HasSubstr("\"duplicate\":true"));
  EXPECT_EQ(post(ada(), "/v1/memory/ingest", R"({"id":"1","subject":"s","text":"other"})"), "409 id_reused");
  EXPECT_EQ(post(ada(), "/v1/memory/ingest", R"({"id":"2","subject":"s","text":"second"})"), "201");

  restart_archive();

  EXPECT_EQ(post(bob(), "/v1/memory/query", R"({"subject":"s"})"), "200");
  EXPECT_LT(last_.find("second"), last_.find("first"));
  EXPECT_LT(last_.find("\"current\""), last_.find("\"stale\""));
}

TEST_F(ArchiveServiceTest, AStrangerAnUnsignedRequestAndAWrongFieldAreRefused) {
  EXPECT_EQ(post(ada(), "/v1/memory/query", "{}"), "401 unknown_key");
  run(begin());
  EXPECT_EQ(page("/v1/workspaces"), "401 signature_missing");
  EXPECT_EQ(post(ada(), "/v1/memory/query", R"({"sujbect":"s"})"), "400 invalid_field");
  EXPECT_THAT(last_, HasSubstr("sujbect"));
  EXPECT_EQ(post(ada(), "/v1/memory/ingest", R"({"id":"1","subject":"s","text":"t","confidence":2})"),
            "400 invalid_field");
}

TEST_F(ArchiveServiceTest, ACandidateGoesThroughItsGates) {
  make_workspace();
  EXPECT_EQ(post(ada(), "/v1/workspaces/w/items", R"({"id":"e","type":"evidence_pack","text":"seen"})"), "201");
  EXPECT_EQ(post(ada(), "/v1/workspaces/w/items",
                 R"({"id":"c","type":"promotion_candidate","text":"worth keeping","affects":["e"]})"),
            "201");
  EXPECT_EQ(post(ada(), "/v1/workspaces/w/items/c/promote", R"({"id":"p"})"), "409 not_reviewed");
  EXPECT_EQ(post(ada(), "/v1/workspaces/w/items/c/reviews", R"({"id":"r","verdict":"approve"})"), "403 own_work");
  EXPECT_EQ(post(bob(), "/v1/workspaces/w/items/c/reviews", R"({"id":"r","verdict":"approve"})"), "201");
  EXPECT_EQ(post(ada(), "/v1/workspaces/w/items/c/promote", R"({"id":"p"})"), "200");
  EXPECT_THAT(last_, HasSubstr("\"status\":\"promoted\""));

  EXPECT_EQ(post(ada(), "/v1/commons", R"({"id":"p","title":"Found","text":"it holds"})"), "201");
  EXPECT_EQ(post(ada(), "/v1/commons/p/reviews", R"({"id":"r","verdict":"approve"})"), "403 own_work");
  EXPECT_EQ(post(bob(), "/v1/commons/query", "{}"), "200");
  EXPECT_THAT(last_, HasSubstr("\"results\":[]"));
  EXPECT_EQ(post(bob(), "/v1/commons/p/reviews", R"({"id":"r","verdict":"approve"})"), "201");
  EXPECT_EQ(post(bob(), "/v1/commons/query", "{}"), "200");
  EXPECT_THAT(last_, HasSubstr("it holds"));
}

TEST_F(ArchiveServiceTest, ATaskIsClaimedAndCompleted) {
  make_workspace();
  EXPECT_EQ(post(ada(), "/v1/workspaces/w/items", R"({"id":"t","type":"task","text":"do it","assignee":"@bob"})"),
            "201");
  EXPECT_EQ(post(ada(), "/v1/workspaces/w/items/t/state", R"({"id":"1","from":"open","to":"claimed"})"),
            "403 not_yours");
  EXPECT_EQ(post(bob(), "/v1/workspaces/w/items/t/state", R"({"id":"1","from":"open","to":"claimed"})"), "200");
  EXPECT_EQ(post(bob(), "/v1/workspaces/w/items/t/state", R"({"id":"1","from":"open","to":"claimed"})"), "200");
  EXPECT_EQ(post(bob(), "/v1/workspaces/w/items/t/state", R"({"id":"2","from":"open","to":"failed"})"),
            "409 state_changed");
  EXPECT_EQ(get(ada(), "/v1/workspaces/w/items?type=task"), "200");
  EXPECT_THAT(last_, HasSubstr("\"claimer\":\"@bob\""));
  EXPECT_EQ(get(ada(), "/v1/workspaces/w/items/t"), "200");
  EXPECT_EQ(get(ada(), "/v1/workspaces/w/items?type=song"), "400 invalid_field");
  EXPECT_EQ(get(ada(), "/v1/workspaces"), "200");
  EXPECT_EQ(get(ada(), "/v1/workspaces/none"), "404 not_found");
}

TEST_F(ArchiveServiceTest, PagesEscapeWhatAgentsWrote) {
  make_workspace();
  EXPECT_EQ(
      post(ada(), "/v1/workspaces/w/items", R"({"id":"e","type":"evidence_pack","text":"<script>alert(1)</script>&"})"),
      "201");

  EXPECT_EQ(page("/workspaces/w"), "200");

  EXPECT_THAT(last_, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(last_, Not(HasSubstr("<script>")));
  for (const char* path : {"/", "/workspaces", "/commons", "/healthz", "/readyz", "/metrics"}) {
    EXPECT_EQ(page(path), "200") << path;
  }
}

TEST_F(ArchiveServiceTest, ARevokedAgentIsRefusedFromTheAnswerOn) {
  run(begin());
  EXPECT_EQ(post(ada(), "/v1/memory/query", "{}"), "200");
  EXPECT_EQ(loop_.run(outcome_of(ada_.client.post("/v1/agents/@ada/revoke", R"({"reason":"test"})"))), "200");

  EXPECT_EQ(post(ada(), "/v1/memory/query", "{}"), "403 revoked");
  restart_archive();
  EXPECT_EQ(post(ada(), "/v1/memory/query", "{}"), "403 revoked");
  EXPECT_EQ(post(bob(), "/v1/memory/query", "{}"), "200");
}

}  // namespace
}  // namespace mesh::tests

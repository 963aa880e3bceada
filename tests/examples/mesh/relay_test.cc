// SPDX-License-Identifier: Apache-2.0
// The Relay: each route with right and wrong requests, who may send what, and what a crash leaves.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mesh/authenticator.h"
#include "mesh/remote_registry.h"
#include "mesh/signature.h"
#include "soak/gather.h"
#include "soak/net/http_client.h"
#include "tests/examples/mesh/mesh_fixture.h"

namespace mesh::tests {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class RelayTest : public MeshTest {
 protected:
  Task<std::string> try_send(Agent& from, std::string json) {
    const HttpResponse response = co_await from.client.post("/v1/relay/messages", json);
    co_return outcome(response);
  }
  Task<std::vector<std::string>> inbox(Agent& of, std::string query = "") {
    const HttpResponse response = co_await of.client.get("/v1/relay/inbox" + query);
    EXPECT_EQ(response.status, 200) << response.body;
    co_return messages_in(response);
  }
  Task<std::string> state_of(Agent& sender, std::string id) {
    const HttpResponse response = co_await sender.client.get("/v1/relay/messages/" + id);
    co_return response.status == 200 ? JsonObject(response.body).name("state", 32) : outcome(response);
  }
};

TEST_F(RelayTest, AQueryIsDeliveredAnsweredAndReceipted) {
  run([&]() -> Task<> {
    co_await begin();
    const HttpResponse sent =
        co_await send(ada_, message("q1", "@bob", "query_request", "", R"({"n":1.50,"t":"\u00e9"})"));
    EXPECT_EQ(sent.status, 201);
    EXPECT_THAT(sent.body, HasSubstr(R"({"id":"q1","to":"@bob","sequence":1,"state":"stored","at":)"));
    EXPECT_EQ(co_await state_of(ada_, "q1"), "stored");
    const HttpResponse got = co_await bob_.client.get("/v1/relay/inbox");
    // The body is as it was sent, to the digit.
    EXPECT_THAT(
        got.body,
        HasSubstr(
            R"({"sequence":1,"id":"q1","from":"@ada","to":"@bob","kind":"query_request","body":{"n":1.50,"t":"\u00e9"},"at":)"));

    EXPECT_EQ(co_await try_send(bob_, message("r1", "@ada", "query_response", "q1")), "201");
    EXPECT_EQ(co_await try_send(bob_, message("c1", "@ada", "receipt", "q1")), "201");
    EXPECT_EQ(co_await state_of(ada_, "q1"), "receipted");
    EXPECT_THAT(co_await inbox(ada_), ElementsAre("r1 from @bob at 1", "c1 from @bob at 2"));
    EXPECT_EQ(co_await try_send(ada_, message("c1", "@bob", "receipt", "r1")), "201");
    EXPECT_EQ(co_await state_of(bob_, "r1"), "receipted");
  }());
}

TEST_F(RelayTest, ARepeatedMessageGetsTheFirstAnswerAlsoAfterACrash) {
  run([&]() -> Task<> {
    co_await begin();
    const HttpResponse first = co_await send(ada_, message("q1", "@bob"));  // Say the answer is lost.
    co_await soak::sleep_for(3s);
    co_await restart();
    const HttpResponse again = co_await send(ada_, message("q1", "@bob"));
    EXPECT_EQ(first.status, 201);
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.body, first.body.substr(0, first.body.size() - 1) + R"(,"duplicate":true})");
    EXPECT_THAT(co_await inbox(bob_), ElementsAre("q1 from @ada at 1"));

    EXPECT_EQ(co_await try_send(ada_, message("q1", "@bob", "query_request", "", R"({"q":2})")), "409 id_reused");
    EXPECT_EQ(co_await try_send(ada_, message("q1", "@bob", "task_request")), "409 id_reused");
    // Accepted is accepted: the link may be gone by now.
    const HttpResponse removed = co_await ada_.client.remove("/v1/links/@bob");
    EXPECT_EQ(removed.status, 200);
    EXPECT_EQ(co_await try_send(ada_, message("q1", "@bob")), "200");
    EXPECT_EQ(co_await try_send(ada_, message("q2", "@bob")), "403 not_linked");
  }());
}

TEST_F(RelayTest, TwoSendersMayUseTheSameId) {
  run([&]() -> Task<> {
    co_await begin();
    Agent eve(loop_, "eve", node_.url());
    const HttpResponse enrolled = co_await enrol(eve);
    co_await link(eve, bob_);
    EXPECT_EQ(co_await try_send(ada_, message("q1", "@bob")), "201");
    EXPECT_EQ(co_await try_send(eve, message("q1", "@bob")), "201");
    EXPECT_EQ(co_await try_send(bob_, message("c1", "@ada", "receipt", "q1")), "201");
    EXPECT_EQ(co_await try_send(bob_, message("c2", "@eve", "receipt", "q1")), "201");

    EXPECT_THAT(co_await inbox(bob_), ElementsAre("q1 from @ada at 1", "q1 from @eve at 2"));
    EXPECT_EQ(co_await state_of(eve, "q1"), "receipted");
  }());
}

TEST_F(RelayTest, AcknowledgementIsCumulativeAndNeverGoesBack) {
  run([&]() -> Task<> {
    co_await begin();
    for (int i = 1; i <= 5; ++i) {
      EXPECT_EQ(co_await try_send(ada_, message("q" + std::to_string(i), "@bob")), "201");
    }
    const HttpResponse page = co_await bob_.client.get("/v1/relay/inbox?limit=2");
    EXPECT_THAT(messages_in(page), ElementsAre("q1 from @ada at 1", "q2 from @ada at 2"));
    EXPECT_TRUE(JsonObject(page.body).boolean("has_more"));
    EXPECT_THAT(co_await inbox(bob_, "?after=3"), ElementsAre("q4 from @ada at 4", "q5 from @ada at 5"));
    // At least once: what is not acknowledged comes again.
    EXPECT_THAT(co_await inbox(bob_, "?limit=1"), ElementsAre("q1 from @ada at 1"));

    const HttpResponse acked = co_await bob_.client.post("/v1/relay/ack", R"({"up_to":3})");
    EXPECT_EQ(acked.body, R"({"acked":3})");
    const HttpResponse back = co_await bob_.client.post("/v1/relay/ack", R"({"up_to":1})");
    EXPECT_EQ(back.body, R"({"acked":3})");
    const HttpResponse beyond = co_await bob_.client.post("/v1/relay/ack", R"({"up_to":6})");
    EXPECT_EQ(outcome(beyond), "400 ack_beyond_inbox");
    EXPECT_EQ(co_await state_of(ada_, "q3"), "acknowledged");
    EXPECT_EQ(co_await state_of(ada_, "q4"), "stored");
    co_await restart();
    EXPECT_THAT(co_await inbox(bob_, "?after=0"), ElementsAre("q4 from @ada at 4", "q5 from @ada at 5"));

    const HttpResponse synced = co_await bob_.client.post("/v1/relay/sync", R"({"ack":4})");
    EXPECT_THAT(messages_in(synced), ElementsAre("q5 from @ada at 5"));
    EXPECT_EQ(JsonObject(synced.body).integer("acked", 0, 9), 4);
    EXPECT_FALSE(JsonObject(synced.body).boolean("has_more"));
    const HttpResponse last = co_await bob_.client.post("/v1/relay/sync", R"({"ack":5})");
    EXPECT_THAT(messages_in(last), IsEmpty());
    // The numbers go on.
    EXPECT_EQ(co_await try_send(ada_, message("q6", "@bob")), "201");
    EXPECT_THAT(co_await inbox(bob_), ElementsAre("q6 from @ada at 6"));
  }());
}

TEST_F(RelayTest, ALinkOfScopeQueryPermitsNoTasks) {
  run([&]() -> Task<> {
    co_await begin("query");
    Agent eve(loop_, "eve", node_.url());
    const HttpResponse enrolled = co_await enrol(eve);
    EXPECT_EQ(co_await try_send(ada_, message("q1", "@bob")), "201");
    EXPECT_EQ(co_await try_send(ada_, message("t1", "@bob", "task_request")), "403 wrong_scope");
    EXPECT_EQ(co_await try_send(ada_, message("q2", "@eve")), "403 not_linked");
    EXPECT_EQ(co_await try_send(ada_, message("q3", "@nobody")), "404 unknown_agent");
    EXPECT_EQ(co_await try_send(ada_, message("q4", "@ada")), "400 invalid_field");
  }());
}

TEST_F(RelayTest, AnAnswerNeedsTheMessageThatItAnswers) {
  run([&]() -> Task<> {
    co_await begin();
    Agent eve(loop_, "eve", node_.url());
    const HttpResponse enrolled = co_await enrol(eve);
    EXPECT_EQ(co_await try_send(ada_, message("q1", "@bob")), "201");

    EXPECT_EQ(co_await try_send(bob_, message("r1", "@ada", "query_response", "none")), "404 unknown_message");
    EXPECT_EQ(co_await try_send(bob_, message("r1", "@ada", "task_response", "q1")), "404 unknown_message");
    EXPECT_EQ(co_await try_send(eve, message("r1", "@ada", "query_response", "q1")), "404 unknown_message");
    EXPECT_EQ(co_await try_send(bob_, message("r1", "@ada", "query_response")), "400 invalid_field");
    EXPECT_EQ(co_await try_send(bob_, message("r1", "@ada", "query_request", "q1")), "400 invalid_field");
    // No link is needed to answer.
    const HttpResponse removed = co_await ada_.client.remove("/v1/links/@bob");
    EXPECT_EQ(removed.status, 200);
    EXPECT_EQ(co_await try_send(bob_, message("r1", "@ada", "query_response", "q1")), "201");
    EXPECT_EQ(co_await try_send(bob_, message("r1", "@ada", "query_response", "q1")), "200");
    EXPECT_EQ(co_await try_send(bob_, message("r2", "@ada", "query_response", "q1")), "409 already_answered");
    const HttpResponse receipt = co_await send(bob_, message("c1", "@ada", "receipt", "q1"));
    EXPECT_EQ(receipt.status, 201);
    // One receipt for a message, whatever its id: the first one's answer.
    const HttpResponse other = co_await send(bob_, message("c2", "@ada", "receipt", "q1"));
    EXPECT_EQ(other.body, receipt.body.substr(0, receipt.body.size() - 1) + R"(,"duplicate":true})");
    EXPECT_EQ(co_await try_send(ada_, message("c9", "@bob", "receipt", "c1")), "404 unknown_message");
    EXPECT_THAT(co_await inbox(ada_), ElementsAre("r1 from @bob at 1", "c1 from @bob at 2"));
  }());
}

TEST_F(RelayTest, WhatIsUnderWayWhenAnAgentIsRevoked) {
  run([&]() -> Task<> {
    co_await begin();
    EXPECT_EQ(co_await try_send(ada_, message("to_bob", "@bob")), "201");
    EXPECT_EQ(co_await try_send(bob_, message("from_bob", "@ada")), "201");
    const HttpResponse revoked = co_await bob_.client.post("/v1/agents/@bob/revoke", "{}");
    EXPECT_EQ(revoked.status, 200);

    EXPECT_THAT(co_await inbox(ada_), ElementsAre("from_bob from @bob at 1"));  // Sent while it was trusted.
    EXPECT_EQ(co_await state_of(ada_, "to_bob"), "undeliverable");
    EXPECT_EQ(co_await try_send(ada_, message("late", "@bob")), "410 recipient_revoked");
    EXPECT_EQ(co_await try_send(ada_, message("c1", "@bob", "receipt", "from_bob")), "410 recipient_revoked");
    EXPECT_EQ(co_await try_send(bob_, message("r1", "@ada", "query_response", "to_bob")), "403 revoked");
  }());
}

TEST_F(RelayTest, AnInboxThatIsFullRefusesUntilItIsRead) {
  run([&]() -> Task<> {
    co_await begin();
    node_.disk().put("box", "@bob", R"({"last":10000,"acked":1})");
    EXPECT_EQ(co_await try_send(ada_, message("q1", "@bob")), "201");
    const HttpResponse refused = co_await send(ada_, message("q2", "@bob"));
    EXPECT_EQ(outcome(refused), "429 inbox_full");
    EXPECT_EQ(refused.headers.get("Retry-After"), "1");
    const HttpResponse acked = co_await bob_.client.post("/v1/relay/ack", R"({"up_to":10001})");
    EXPECT_EQ(acked.status, 200);
    EXPECT_EQ(co_await try_send(ada_, message("q2", "@bob")), "201");
  }());
}

TEST_F(RelayTest, APageEndsAtItsBytesToo) {
  run([&]() -> Task<> {
    co_await begin();
    const std::string big = R"({"t":")" + std::string(60000, 'x') + "\"}";
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(co_await try_send(ada_, message("q" + std::to_string(i), "@bob", "query_request", "", big)), "201");
    }
    const HttpResponse page = co_await bob_.client.get("/v1/relay/inbox");
    EXPECT_EQ(messages_in(page).size(), 17u);
    EXPECT_TRUE(JsonObject(page.body).boolean("has_more"));
    const std::string too_big = R"({"t":")" + std::string(66000, 'x') + "\"}";
    EXPECT_EQ(co_await try_send(ada_, message("q99", "@bob", "query_request", "", too_big)), "413 too_large");
  }());
}

TEST_F(RelayTest, HostileBodiesAreRefusedAndStoreNothing) {
  run([&]() -> Task<> {
    co_await begin();
    const std::vector<std::string> hostile = {
        "",
        "[]",
        "null",
        "{",
        R"({"id":"a"})",
        message("a", "@bob") + "x",
        message("a", "@bob", "greeting"),
        message("a b", "@bob"),
        message(std::string(65, 'a'), "@bob"),
        message("../a", "@bob"),
        message("a", "bob"),
        message("a", "@bob", "query_request", "", "[]"),
        message("a", "@bob", "query_request", "", "\"text\""),
        message("a", "@bob", "query_request", "", R"({"a":1,"a":2})"),
        message("a", "@bob", "query_request", "", "{\"a\":\"\xff\"}"),
        message("a", "@bob", "query_request", "", R"({"a":)" + std::string(60000, '[') + "}"),
        R"({"id":"a","id":"b","to":"@bob","kind":"query_request","body":{}})",
        R"({"id":"a","to":"@bob","kind":"query_request","body":{},"from":"@eve"})",
        R"({"id":{"$ne":1},"to":"@bob","kind":"query_request","body":{}})",
    };
    for (const std::string& json : hostile) {
      const HttpResponse response = co_await ada_.client.post("/v1/relay/messages", json);
      EXPECT_EQ(response.status, 400) << json.substr(0, 100);
      EXPECT_THAT(response.body, HasSubstr(R"({"error":{"code":"invalid_)")) << json.substr(0, 100);
    }
    const std::vector<std::string> queries = {"?limit=0", "?limit=501", "?limit=x", "?after=-1", "?limit=1e2"};
    for (const std::string& query : queries) {
      const HttpResponse response = co_await bob_.client.get("/v1/relay/inbox" + query);
      EXPECT_EQ(outcome(response), "400 invalid_query") << query;
    }
    EXPECT_THAT(co_await inbox(bob_), IsEmpty());
    EXPECT_EQ(co_await try_send(ada_, message("a", "@bob")), "201");
  }());
}

TEST_F(RelayTest, IdsAreForgottenAfterAWeekButNotMessagesThatWait) {
  run([&]() -> Task<> {
    co_await begin();
    EXPECT_EQ(co_await try_send(ada_, message("acked", "@bob")), "201");
    const HttpResponse acked = co_await bob_.client.post("/v1/relay/ack", R"({"up_to":1})");
    EXPECT_EQ(acked.status, 200);
    EXPECT_EQ(co_await try_send(ada_, message("waits", "@bob")), "201");
    co_await soak::sleep_for(8 * 24h);
    EXPECT_EQ(co_await try_send(ada_, message("new", "@bob")), "201");

    EXPECT_EQ(co_await state_of(ada_, "acked"), "404 unknown_message");
    EXPECT_EQ(co_await try_send(ada_, message("waits", "@bob")), "200");
    EXPECT_THAT(co_await inbox(bob_), ElementsAre("waits from @ada at 2", "new from @ada at 3"));
  }());
}

class SignedRequestsTest : public RelayTest {
 protected:
  Task<std::string> send_created(std::int64_t seconds_from_now, std::string nonce) {
    soak::net::HttpRequest request("POST", node_.url() + "/v1/relay/sync", "{}",
                                   {{"Content-Type", "application/json"}});
    const std::int64_t now = (loop_.wall_now().time_since_epoch()) / 1s;
    sign(request, ada_.key, {now + seconds_from_now, std::move(nonce)});
    const HttpResponse response = co_await plain_.send(std::move(request));
    if (response.status == 401) {
      last_error_ = JsonObject(response.body).object("error", SIZE_MAX);
    }
    co_return outcome(response);
  }
  soak::net::HttpClient plain_{loop_};
  std::string last_error_;
};

TEST_F(SignedRequestsTest, AClockMayBeOffByAMinute) {
  run([&]() -> Task<> {
    co_await begin();
    EXPECT_EQ(co_await send_created(60, "nonce-of-1"), "200");
    EXPECT_EQ(co_await send_created(-60, "nonce-of-2"), "200");
    EXPECT_EQ(co_await send_created(61, "nonce-of-3"), "401 clock_skew");
    EXPECT_EQ(co_await send_created(-61, "nonce-of-4"), "401 clock_skew");
    EXPECT_EQ(co_await send_created(-1767225600 - 99, "nonce-of-5"), "401 clock_skew");
    const std::int64_t now = JsonObject(last_error_).integer("now", 0, INT64_MAX);
    EXPECT_EQ(now, loop_.wall_now().time_since_epoch() / 1s);

    ada_.client.use_clock_of_server(now - 3600);  // As if this clock were an hour slow...
    EXPECT_EQ(outcome(co_await ada_.client.post("/v1/relay/sync", "{}")), "401 clock_skew");
    ada_.client.use_clock_of_server(now);  // ... until it is corrected.
    EXPECT_EQ(outcome(co_await ada_.client.post("/v1/relay/sync", "{}")), "200");
  }());
}

TEST_F(SignedRequestsTest, ASignatureIsAcceptedOnce) {
  run([&]() -> Task<> {
    co_await begin();
    EXPECT_EQ(co_await send_created(0, "nonce-of-1"), "200");
    EXPECT_EQ(co_await send_created(0, "nonce-of-1"), "401 replayed");
    EXPECT_EQ(co_await send_created(0, "nonce-of-2"), "200");
  }());
}

TEST_F(SignedRequestsTest, AReplayedWriteIsRefusedAlsoAfterARestart) {
  run([&]() -> Task<> {
    co_await begin();
    soak::net::HttpRequest request("POST", node_.url() + "/v1/relay/messages", message("q1", "@bob"),
                                   {{"Content-Type", "application/json"}});
    sign(request, ada_.key, {loop_.wall_now().time_since_epoch() / 1s, "captured-nonce"});
    soak::net::HttpRequest captured = request;
    const HttpResponse first = co_await plain_.send(std::move(request));
    EXPECT_EQ(first.status, 201);
    co_await restart();
    const HttpResponse replayed = co_await plain_.send(std::move(captured));
    EXPECT_EQ(outcome(replayed), "401 replayed");
  }());
}

TEST_F(SignedRequestsTest, AnUnknownKeyAndAMissingSignatureAreNamed) {
  run([&]() -> Task<> {
    co_await begin();
    Agent eve(loop_, "eve", node_.url());
    EXPECT_EQ(outcome(co_await eve.client.get("/v1/relay/inbox")), "401 unknown_key");
    soak::net::HttpRequest request("GET", node_.url() + "/v1/relay/inbox");
    EXPECT_EQ(outcome(co_await plain_.send(std::move(request))), "401 signature_missing");
  }());
}

TEST_F(SignedRequestsTest, NoncesThatAreTooOldToBeUsedAreForgotten) {
  run([&]() -> Task<> {
    co_await begin();
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(co_await try_send(ada_, message("q" + std::to_string(i), "@bob")), "201");
      co_await soak::sleep_for(10s);
    }
    EXPECT_LT(node_.disk().list("nonce", "", "", 1000).size(), 10u);
  }());
}

// Ten messages at once, and a crash at each millisecond of their way.
TEST_F(RelayTest, NothingAcknowledgedIsLostOrDoubledWhereverTheCrashIs) {
  int crashed_with_some = 0;
  for (int crash_ms = 0; crash_ms < 12; ++crash_ms) {
    soak::VirtualLoop loop;
    DirectoryNode node(loop);
    Agent ada(loop, "ada", node.url());
    Agent bob(loop, "bob", node.url());
    loop.run([&]() -> Task<> {
      const HttpResponse of_ada = co_await ada.client.post("/v1/agents", ada.registration());
      const HttpResponse of_bob = co_await bob.client.post("/v1/agents", bob.registration());
      const HttpResponse invite =
          co_await ada.client.post("/v1/invites", R"({"id":"i","scope":"mirror","seconds":60})");
      const std::string token = R"({"token":")" + JsonObject(invite.body).name("token", 128) + "\"}";
      const HttpResponse joined = co_await bob.client.post("/v1/links", token);
      EXPECT_EQ(joined.status, 201);

      std::set<std::string> acknowledged;
      const auto send_one = [&](int number) -> Task<> {
        co_await soak::sleep_for(std::chrono::milliseconds{number / 2});
        const std::string id = "m" + std::to_string(number);
        const HttpResponse response = co_await ada.client.post("/v1/relay/messages", message(id, "@bob"));
        if (response.status == 201 || response.status == 200) {
          acknowledged.insert(id);
        }
      };
      std::vector<Task<>> all;
      for (int number = 0; number < 10; ++number) {
        all.push_back(send_one(number));
      }
      const auto crash = [&]() -> Task<> {
        co_await soak::sleep_for(std::chrono::milliseconds{crash_ms});
        node.restart();
      };
      all.push_back(crash());
      Task<std::vector<soak::GatherResult<void>>> sending = soak::gather(std::move(all), {.max_concurrency = 11});
      const std::vector<soak::GatherResult<void>> ended = co_await std::move(sending);
      crashed_with_some += acknowledged.empty() || acknowledged.size() == 10 ? 0 : 1;

      const HttpResponse before = co_await bob.client.get("/v1/relay/inbox");
      for (const std::string& id : acknowledged) {
        EXPECT_THAT(before.body, HasSubstr("\"id\":\"" + id + "\"")) << "crash at " << crash_ms;
      }
      // All are sent again, as after lost answers.
      for (int number = 0; number < 10; ++number) {
        const HttpResponse again =
            co_await ada.client.post("/v1/relay/messages", message("m" + std::to_string(number), "@bob"));
        EXPECT_LT(again.status, 300);
      }
      const HttpResponse after = co_await bob.client.get("/v1/relay/inbox");
      const std::vector<std::string> messages = messages_in(after);
      EXPECT_EQ(messages.size(), 10u) << "crash at " << crash_ms;
      EXPECT_EQ(std::set<std::string>(messages.begin(), messages.end()).size(), 10u);
      EXPECT_THAT(messages.back(), HasSubstr(" at 10"));  // No number is missing.
    }());
  }
  EXPECT_GT(crashed_with_some, 0);  // Or no crash was in the middle.
}

TEST_F(RelayTest, AFailingDiskIsA5xxAndLosesNothing) {
  run([&]() -> Task<> {
    co_await begin();
    EXPECT_EQ(co_await try_send(ada_, message("q1", "@bob")), "201");
    node_.disk().on_sync = [] { return std::optional(StorageFailure::kFull); };
    const HttpResponse full = co_await send(ada_, message("q2", "@bob"));
    EXPECT_EQ(outcome(full), "507 storage_full");
    EXPECT_EQ(full.headers.get("Retry-After"), "1");
    node_.disk().on_sync = [] { return std::optional(StorageFailure::kFailed); };
    EXPECT_EQ(co_await try_send(ada_, message("q2", "@bob")), "503 storage_failed");
    EXPECT_THAT(co_await inbox(bob_), ElementsAre("q1 from @ada at 1"));
    node_.disk().on_sync = nullptr;
    EXPECT_EQ(co_await try_send(ada_, message("q2", "@bob")), "201");
    EXPECT_THAT(co_await inbox(bob_), ElementsAre("q1 from @ada at 1", "q2 from @ada at 2"));
  }());
}

// A Relay in a process of its own.
class OwnRelay {
 public:
  OwnRelay(soak::EventLoop& loop, const std::string& directory_url)
      : storage_(loop, disk_),
        registry_(loop, directory_url),
        authenticator_(loop, storage_, registry_),
        service_(loop, {}),
        relay_(loop, storage_, registry_, authenticator_, service_.routes()) {}
  std::string url() const { return service_.url(); }

 private:
  MemoryDisk disk_;
  MemoryStorage storage_;
  RemoteRegistry registry_;
  Authenticator authenticator_;
  Service service_;
  RelayService relay_;
};

TEST_F(RelayTest, ARelayOfItsOwnRefusesARevokedAgentFromTheAnswerOn) {
  OwnRelay own(loop_, node_.url());
  SignedClient ada(loop_, ada_.key, own.url());
  SignedClient bob(loop_, bob_.key, own.url());
  run([&]() -> Task<> {
    co_await begin();
    co_await soak::sleep_for(1min);
    EXPECT_EQ(outcome(co_await ada.post("/v1/relay/messages", message("q1", "@bob"))), "201");
    EXPECT_EQ(outcome(co_await bob.post("/v1/relay/sync", "{}")), "200");
    const HttpResponse revoked = co_await bob_.client.post("/v1/agents/@bob/revoke", "{}");
    EXPECT_EQ(revoked.status, 200);
    EXPECT_EQ(outcome(co_await bob.post("/v1/relay/sync", "{}")), "403 revoked");
    EXPECT_EQ(outcome(co_await ada.post("/v1/relay/messages", message("q2", "@bob"))), "410 recipient_revoked");
  }());
}

TEST_F(RelayTest, ARelayOfItsOwnRefusesWhenTheDirectoryIsGoneAndTheLeasesAreOver) {
  OwnRelay own(loop_, node_.url());
  SignedClient ada(loop_, ada_.key, own.url());
  run([&]() -> Task<> {
    co_await begin();
    EXPECT_EQ(outcome(co_await ada.post("/v1/relay/messages", message("q1", "@bob"))), "201");
    node_.stop();
    EXPECT_EQ(outcome(co_await ada.post("/v1/relay/messages", message("q2", "@bob"))), "201");
    co_await soak::sleep_for(3s);
    const HttpResponse refused = co_await ada.post("/v1/relay/messages", message("q3", "@bob"));
    EXPECT_EQ(outcome(refused), "503 directory_unavailable");
    EXPECT_EQ(refused.headers.get("Retry-After"), "1");
    node_.start();
    EXPECT_EQ(outcome(co_await ada.post("/v1/relay/messages", message("q3", "@bob"))), "201");
  }());
}

TEST_F(RelayTest, ADrainingServiceAnswersWhatIsInProgress) {
  run([&]() -> Task<> {
    co_await begin();
    std::string of_message;
    bool in_time = false;
    const auto serve = [&]() -> Task<> { in_time = co_await node_.service().run(); };
    const auto send_one = [&]() -> Task<> { of_message = co_await try_send(ada_, message("q1", "@bob")); };
    const auto stop = [&]() -> Task<> {
      co_await soak::sleep_for(1ms);  // The message waits for its sync.
      node_.service().stop();
    };
    std::vector<Task<>> all;
    all.push_back(serve());
    all.push_back(send_one());
    all.push_back(stop());
    Task<std::vector<soak::GatherResult<void>>> together = soak::gather(std::move(all));
    const std::vector<soak::GatherResult<void>> ended = co_await std::move(together);
    EXPECT_EQ(of_message, "201");
    EXPECT_TRUE(in_time);
    EXPECT_THAT(node_.disk().list("waiting", "@bob/", "", 9), Not(IsEmpty()));
  }());
}

}  // namespace
}  // namespace mesh::tests

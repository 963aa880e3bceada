// SPDX-License-Identifier: Apache-2.0
// POST /v1/realtime/client_secrets. Source: RealtimeCreateClientSecretRequest and -Response of
// github.com/openai/openai-openapi.

#include <optional>
#include <string>

#include "tests/unit/peers/openai/fixture.h"

namespace soak::peers {
namespace {

class OpenAiClientSecretTest : public OpenAiTest {
 public:
  Posted post(OpenAiRealtimePeer& peer, std::string body, const std::string& key = "sk-right",
              const std::string& path = "/realtime/client_secrets") {
    net::Headers headers;
    if (!key.empty()) {
      headers.add("Authorization", "Bearer " + key);
    }
    return peers::post(loop_, peer.http_url() + path, std::move(body), std::move(headers));
  }

  Heard first_with(OpenAiRealtimePeer& peer, const std::string& query, std::string key) {
    return loop_.run([](EventLoop& loop, std::string url, std::string own_key) -> Task<Heard> {
      RawClient client = co_await dial(loop, url, own_key);
      co_return co_await client.hear();
    }(loop_, peer.url() + query, std::move(key)));
  }
};

TEST_F(OpenAiClientSecretTest, OpensSessionsAsItWasMadeFor) {
  OpenAiRealtimePeer peer(loop_, {.api_key = "sk-right"});

  const Posted made =
      post(peer, R"({"session":{"type":"realtime","model":"gpt-realtime-mini","instructions":"Sing."}})");

  ASSERT_EQ(made.status, 200) << made.body.text();
  const std::string secret = made.body.get("value");
  EXPECT_THAT(secret, testing::StartsWith("ek_"));
  EXPECT_EQ(made.body.get("session.model"), "gpt-realtime-mini");
  for (const char* const query : {"", "?model=gpt-realtime"}) {
    const Heard created = first_with(peer, query, secret);
    EXPECT_EQ(created.type(), "session.created") << created.text();
    EXPECT_EQ(created.get("session.instructions"), "Sing.");
    EXPECT_EQ(created.get("session.model"), *query == '\0' ? "gpt-realtime-mini" : "gpt-realtime");
  }
  EXPECT_EQ(peer.ledger().client_secrets_made, 1u);
}

// An SDK has one base URL for both.
TEST_F(OpenAiClientSecretTest, IsMadeOnThePortOfTheSessions) {
  OpenAiRealtimePeer peer(loop_);

  EXPECT_EQ(peer.http_url(), "http://127.0.0.1:" + std::to_string(peer.port()) + "/v1");
  EXPECT_EQ(post(peer, "{}").status, 200);
}

TEST_F(OpenAiClientSecretTest, IsForATranscriptionSessionWhereItWasMadeForOne) {
  OpenAiRealtimePeer peer(loop_);
  const Posted made = post(peer, R"({"session":{"type":"transcription"}})");

  EXPECT_EQ(made.body.get("session.object"), "realtime.transcription_session");
  EXPECT_EQ(first_with(peer, "", made.body.get("value")).get("session.type"), "transcription");
}

TEST_F(OpenAiClientSecretTest, ExpiresAfterTenMinutesOrAsAskedFor) {
  OpenAiRealtimePeer peer(loop_, {.api_key = "sk-right"});
  const std::string ten_minutes = post(peer, "").body.get("value");
  const std::string short_lived =
      post(peer, R"({"expires_after":{"anchor":"created_at","seconds":10}})").body.get("value");

  loop_.run(sleep_for(11s));
  EXPECT_EQ(first_with(peer, "?model=m", ten_minutes).type(), "session.created");
  EXPECT_EQ(first_with(peer, "?model=m", short_lived).get("error.code"), "invalid_api_key");
  loop_.run(sleep_for(10min));
  EXPECT_EQ(first_with(peer, "?model=m", ten_minutes).get("error.code"), "invalid_api_key");
}

TEST_F(OpenAiClientSecretTest, WhatIsWrongIsNamed) {
  OpenAiRealtimePeer peer(loop_, {.api_key = "sk-right"});

  EXPECT_EQ(post(peer, "{}", "sk-wrong").status, 401);
  EXPECT_EQ(post(peer, "{}", "").body.get("error.message"), "Missing bearer or basic authentication in header");
  const Posted unknown = post(peer, R"({"session":{"type":"realtime","mood":"good"}})");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(unknown.body.get("error.param"), "session.mood");
  EXPECT_EQ(post(peer, R"({"expires_after":{"seconds":9}})").body.get("error.code"), "integer_below_min_value");
  const Posted elsewhere = post(peer, "{}", "sk-right", "/realtime/calls");
  EXPECT_EQ(elsewhere.status, 404);
  EXPECT_EQ(elsewhere.body.get("error.message"), "Invalid URL (POST /v1/realtime/calls)");
  EXPECT_EQ(peer.ledger().unknown.at("POST /v1/realtime/calls"), 1u);
  // A secret makes no secrets.
  const std::string secret = post(peer, "{}").body.get("value");
  EXPECT_EQ(post(peer, "{}", secret).status, 401);
}

}  // namespace
}  // namespace soak::peers

// SPDX-License-Identifier: Apache-2.0
// POST /v1alpha/auth_tokens. Sources: ai.google.dev, "Ephemeral tokens"; github.com/googleapis/js-genai, src/tokens.ts.

#include <string>

#include "tests/unit/peers/gemini/fixture.h"

namespace soak::peers {
namespace {

class GeminiAuthTokenTest : public GeminiTest {
 public:
  Posted post(GeminiLivePeer& peer, std::string body, const std::string& key = "right",
              const std::string& path = "/v1alpha/auth_tokens") {
    net::Headers headers;
    headers.add("x-goog-api-key", key);
    return peers::post(loop_, peer.http_url() + path, std::move(body), std::move(headers));
  }

  // What the setup is answered on a connection with this token.
  Heard answer_with(GeminiLivePeer& peer, const std::string& token, std::string setup = setup_message({})) {
    return loop_.run(
        [](EventLoop& loop, std::string url, std::string message)
            -> Task<Heard> {
          RawClient client = co_await dial_gemini(loop, url, "");
          const Heard heard = co_await client.ask(message);
          std::string text = heard.text();
          co_await client.socket().close();
          co_return text.empty() ? Heard(heard.status()) : Heard(text);
        }(loop_,
            peer.base_url() +
                "/ws/"
                "google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained?access_token=" +
                token,
            std::move(setup)));
  }
};

TEST_F(GeminiAuthTokenTest, OpensOneSessionUnlessMoreUsesAreAskedFor) {
  GeminiLivePeer peer(loop_, {.api_key = "right"});
  const Posted once = post(peer, "{}");
  const Posted twice = post(peer, R"({"uses":2})");
  ASSERT_EQ(once.status, 200) << once.body.text();
  const std::string one = once.body.get("name");
  const std::string two = twice.body.get("name");

  EXPECT_THAT(one, testing::StartsWith("auth_tokens/"));
  EXPECT_EQ(about(answer_with(peer, one)), "setupComplete");
  EXPECT_EQ(answer_with(peer, one).status().code, 1007);
  EXPECT_EQ(about(answer_with(peer, two)), "setupComplete");
  EXPECT_EQ(about(answer_with(peer, two)), "setupComplete");
  EXPECT_EQ(answer_with(peer, two).status().code, 1007);
  EXPECT_EQ(peer.ledger().auth_tokens_made, 2u);
}

// An SDK has one base URL for both.
TEST_F(GeminiAuthTokenTest, IsMadeOnThePortOfTheSessions) {
  GeminiLivePeer peer(loop_);

  EXPECT_EQ(peer.http_url(), "http://127.0.0.1:" + std::to_string(peer.port()));
  EXPECT_EQ(post(peer, "{}").status, 200);
}

TEST_F(GeminiAuthTokenTest, OpensNewSessionsForAMinute) {
  GeminiLivePeer peer(loop_, {.api_key = "right"});
  const std::string token = post(peer, R"({"uses":0})").body.get("name");

  loop_.run(sleep_for(59s));
  EXPECT_EQ(about(answer_with(peer, token)), "setupComplete");
  loop_.run(sleep_for(2s));
  EXPECT_EQ(answer_with(peer, token).status().code, 1007);
}

TEST_F(GeminiAuthTokenTest, PutsItsSetupInPlaceOfTheClients) {
  GeminiLivePeer peer(loop_, {.api_key = "right", .models = {"models/locked"}});
  const Posted made = post(peer, R"({"bidiGenerateContentSetup":{"model":"models/locked"}})");

  EXPECT_EQ(about(answer_with(peer, made.body.get("name"), R"({"setup":{}})")), "setupComplete");
}

TEST_F(GeminiAuthTokenTest, WhatIsWrongIsNamed) {
  GeminiLivePeer peer(loop_, {.api_key = "right"});

  EXPECT_EQ(post(peer, "{}", "wrong").body.get("error.message"), "API key not valid. Please pass a valid API key.");
  EXPECT_THAT(post(peer, R"({"expireTime":"soon"})").body.get("error.message"), testing::HasSubstr("'expireTime'"));
  EXPECT_EQ(post(peer, R"({"colour":1})").status, 400);
  EXPECT_EQ(post(peer, "{}", "right", "/v1alpha/models").status, 404);
  EXPECT_EQ(peer.ledger().unknown.at("POST /v1alpha/models"), 1u);
}

}  // namespace
}  // namespace soak::peers

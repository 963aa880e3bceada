// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "tests/unit/peers/discord/fixture.h"

namespace soak::peers {
namespace {

using testing::HasSubstr;

struct Agent {
  const char* name;
  const char* agent;
  // The status of a bot's request: with each check, and with kKnown of a webhook's.
  int strict;
  int known;
  int known_webhook;
};
void PrintTo(const Agent& agent, std::ostream* out) { *out << agent.name; }

class DiscordAgentTest : public DiscordTest, public testing::WithParamInterface<Agent> {
 public:
  int bot_as(UserAgentCheck check, const char* agent) {
    DiscordPeer peer(loop_, {.check_user_agent = check});
    return ask("GET", peer.url() + "/users/@me", "",
               {{"User-Agent", agent}, {"Authorization", std::string("Bot ") + kToken}})
        .status;
  }
};

TEST_P(DiscordAgentTest, PassesTheEdgeOrNot) {
  DiscordPeer peer(loop_);

  EXPECT_EQ(bot_as(UserAgentCheck::kStrict, GetParam().agent), GetParam().strict);
  EXPECT_EQ(bot_as(UserAgentCheck::kKnown, GetParam().agent), GetParam().known);
  EXPECT_EQ(bot_as(UserAgentCheck::kOff, GetParam().agent), 200);
  EXPECT_EQ(ask("GET", peer.webhook_url(), "", {{"User-Agent", GetParam().agent}}).status, GetParam().known_webhook);
}

INSTANTIATE_TEST_SUITE_P(
    All, DiscordAgentTest,
    testing::Values(Agent{"documented", "DiscordBot (https://example.com, 1.2) node", 200, 200, 200},
                    Agent{"discord_py",
                          "DiscordBot (https://github.com/Rapptz/discord.py 2.2.2) Python/3.11 aiohttp/3.8.4", 200, 200,
                          200},
                    Agent{"without_version", "DiscordBot (https://example.com)", 403, 200, 200},
                    Agent{"without_url", "DiscordBot (, 1)", 403, 200, 200},
                    Agent{"unclosed", "DiscordBot (https://example.com, 1", 403, 200, 200},
                    Agent{"curl", "curl/8.5.0", 403, 200, 200},
                    Agent{"requests", "python-requests/2.22.0", 403, 200, 200}, Agent{"ruby", "Ruby", 403, 200, 200},
                    Agent{"urllib", "Python-urllib/3.8", 403, 403, 403},
                    Agent{"own_name_with_urllib", "DiscordBot (private use) Python-urllib/3.8", 200, 200, 200},
                    Agent{"java", "Java/1.8.0_292", 403, 403, 403}, Agent{"newer_java", "Java/17.0.1", 403, 200, 200},
                    Agent{"browser", "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0", 403, 403, 200}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(DiscordTest, TheEdgeRefusesLibrariesWithAPageAndBrowsersWithJson) {
  DiscordPeer peer(loop_);
  const auto as = [&](const char* agent) { return ask("GET", peer.url() + "/users/@me", "", {{"User-Agent", agent}}); };

  EXPECT_EQ(as("Python-urllib/3.8").header("content-type"), "text/html; charset=UTF-8");
  EXPECT_THAT(as("Python-urllib/3.8").body, HasSubstr("error code: 1010"));
  EXPECT_EQ(as("Mozilla/5.0").body, R"({"message":"internal network error","code":40333})");
  EXPECT_EQ(peer.ledger().credential_failures, 0u);
}

TEST_F(DiscordTest, HasVersions6To10AndNamesWhatItDoesNotHave) {
  DiscordPeer peer(loop_);
  const std::string origin = peer.url().substr(0, peer.url().size() - 8);
  const auto get = [&](const std::string& path) {
    return ask("GET", origin + path, "", {{"User-Agent", kAgent}, {"Authorization", std::string("Bot ") + kToken}});
  };

  EXPECT_EQ(get("/api/v9/users/@me").status, 200);
  EXPECT_EQ(get("/api/v6/users/@me").status, 200);
  EXPECT_EQ(get("/api/v5/users/@me").get("code"), "50041");
  EXPECT_EQ(get("/api/v11/users/@me").get("code"), "50041");
  EXPECT_EQ(get("/api/users/@me").get("code"), "50041");
  EXPECT_EQ(get("/elsewhere").status, 404);
  EXPECT_EQ(call(peer, "GET", "/guilds/222222222222222222/members").body, R"({"message":"404: Not Found","code":0})");
  EXPECT_EQ(call(peer, "GET", "/guilds/222222222222222223/members").status, 404);
  EXPECT_EQ(call(peer, "PUT", "/channels/222222222222222222/typing").body,
            R"({"message":"405: Method Not Allowed","code":0})");
  EXPECT_THAT(peer.ledger().unknown, testing::ElementsAre(testing::Pair("GET /guilds/*/members", 2u)));
}

TEST_F(DiscordTest, AWebhooksUrlWorksWithoutAVersionAndThenWaitsAreInMilliseconds) {
  DiscordPeer peer(loop_, {.limits = {.bucket = 1}});
  std::string url = peer.webhook_url();
  url.erase(url.find("/v10"), 4);

  EXPECT_EQ(hook_at(url + "?wait=true", "soak 1").get("content"), "soak 1");
  const Got limited = hook_at(url, "soak 2");
  const Got limited_by_version = hook(peer, "soak 2");

  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("retry-after"), "2000");
  EXPECT_EQ(limited.get("retry_after"), "2000");
  EXPECT_EQ(limited_by_version.header("retry-after"), "2");
  EXPECT_EQ(limited_by_version.get("retry_after"), "2.0");
}

TEST_F(DiscordTest, ALogDoesNotShowTheSecretOfAWebhook) {
  DiscordPeer peer(loop_);

  webhook(peer, "POST", "/slack", "{}");

  EXPECT_THAT(peer.ledger().unknown, testing::ElementsAre(testing::Pair("POST /webhooks/*/*/slack", 1u)));
}

}  // namespace
}  // namespace soak::peers

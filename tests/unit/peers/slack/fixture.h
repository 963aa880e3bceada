// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_PEERS_SLACK_FIXTURE_H_
#define SOAK_TESTS_UNIT_PEERS_SLACK_FIXTURE_H_

#include <string>

#include "soak/peers/slack_peer.h"
#include "tests/unit/peers/channel_fixture.h"

namespace soak::peers {

inline constexpr const char* kJson = "application/json; charset=utf-8";
inline constexpr const char* kForm = "application/x-www-form-urlencoded";

class SlackTest : public ChannelTest {
 public:
  static constexpr const char* kToken = "xoxb-1";

  Got call(const SlackPeer& peer, const std::string& method, const std::string& body, const std::string& token = kToken,
           const std::string& type = kJson) {
    net::Headers headers = {{"Content-Type", type}};
    if (!token.empty()) {
      headers.add("Authorization", "Bearer " + token);
    }
    return ask("POST", peer.url() + "/" + method, body, headers);
  }
  Got post(const SlackPeer& peer, const std::string& text, const std::string& channel = "C1",
           const std::string& token = kToken) {
    return call(peer, "chat.postMessage", R"({"channel":")" + channel + R"(","text":")" + text + "\"}", token);
  }
  Got hook(const SlackPeer& peer, const std::string& text) {
    return ask("POST", peer.webhook_url(), R"({"text":")" + text + "\"}", {{"Content-Type", "application/json"}});
  }
  Got refresh(const SlackPeer& peer, const std::string& token) {
    return call(peer, "oauth.v2.access",
                "client_id=1.2&client_secret=s&grant_type=refresh_token&refresh_token=" + token, "", kForm);
  }
};

}  // namespace soak::peers

#endif  // SOAK_TESTS_UNIT_PEERS_SLACK_FIXTURE_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_PEERS_DISCORD_FIXTURE_H_
#define SOAK_TESTS_UNIT_PEERS_DISCORD_FIXTURE_H_

#include <string>

#include "soak/peers/discord_peer.h"
#include "tests/unit/peers/channel_fixture.h"

namespace soak::peers {

inline constexpr const char* kAgent = "DiscordBot (https://example.com, 1)";
inline constexpr const char* kChannel = "222222222222222222";

class DiscordTest : public ChannelTest {
 public:
  static constexpr const char* kToken = "MTA.b.c";

  static net::HttpRequest hooked(const std::string& url, const std::string& text) {
    return net::HttpRequest("POST", url, R"({"content":")" + text + "\"}",
                            {{"Content-Type", "application/json"}, {"User-Agent", kAgent}});
  }
  Got hook(const DiscordPeer& peer, const std::string& text, const std::string& query = "?wait=true") {
    return hook_at(peer.webhook_url() + query, text);
  }
  Got hook_at(const std::string& url, const std::string& text) { return ask(hooked(url, text)); }
  Got bot(const DiscordPeer& peer, const std::string& body, const std::string& channel = kChannel,
          const std::string& token = kToken, const std::string& type = "application/json") {
    net::Headers headers = {{"User-Agent", kAgent}};
    if (!type.empty()) {
      headers.add("Content-Type", type);
    }
    if (!token.empty()) {
      headers.add("Authorization", "Bot " + token);
    }
    return ask("POST", peer.url() + "/channels/" + channel + "/messages", body, headers);
  }
  Got say(const DiscordPeer& peer, const std::string& text, const std::string& channel = kChannel) {
    return bot(peer, R"({"content":")" + text + "\"}", channel);
  }
  Got call(const DiscordPeer& peer, const std::string& method, const std::string& path, const std::string& body = "",
           const std::string& type = "application/json") {
    net::Headers headers = {{"User-Agent", kAgent}, {"Authorization", std::string("Bot ") + kToken}};
    if (!body.empty()) {
      headers.add("Content-Type", type);
    }
    return ask(method, peer.url() + path, body, headers);
  }
  Got webhook(const DiscordPeer& peer, const std::string& method, const std::string& path,
              const std::string& body = "") {
    net::Headers headers = {{"User-Agent", kAgent}};
    if (!body.empty()) {
      headers.add("Content-Type", "application/json");
    }
    return ask(method, peer.webhook_url() + path, body, headers);
  }
};

}  // namespace soak::peers

#endif  // SOAK_TESTS_UNIT_PEERS_DISCORD_FIXTURE_H_

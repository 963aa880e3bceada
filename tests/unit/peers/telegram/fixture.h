// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_PEERS_TELEGRAM_FIXTURE_H_
#define SOAK_TESTS_UNIT_PEERS_TELEGRAM_FIXTURE_H_

#include <string>
#include <utility>
#include <vector>

#include "soak/peers/telegram_peer.h"
#include "tests/unit/peers/channel_fixture.h"

namespace soak::peers {

class TelegramTest : public ChannelTest {
 public:
  static constexpr const char* kToken = "7:secret";

  static std::string url(const TelegramPeer& peer, const std::string& method, const std::string& token = kToken) {
    return peer.url() + "/bot" + token + "/" + method;
  }
  static net::HttpRequest message(const TelegramPeer& peer, const std::string& text, std::int64_t chat = 42,
                                  const std::string& token = kToken) {
    return net::HttpRequest("POST", url(peer, "sendMessage", token),
                            R"({"chat_id":)" + std::to_string(chat) + R"(,"text":")" + text + "\"}",
                            {{"Content-Type", "application/json"}});
  }
  Got send(const TelegramPeer& peer, const std::string& text, std::int64_t chat = 42,
           const std::string& token = kToken) {
    return ask(message(peer, text, chat, token));
  }
};

}  // namespace soak::peers

#endif  // SOAK_TESTS_UNIT_PEERS_TELEGRAM_FIXTURE_H_

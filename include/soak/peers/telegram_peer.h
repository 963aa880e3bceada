// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_TELEGRAM_PEER_H_
#define SOAK_PEERS_TELEGRAM_PEER_H_

// A fake of the Telegram Bot API, for clients under soak.
// Sources: core.telegram.org/bots/api; the server's own code, github.com/tdlib/telegram-bot-api (Client.cpp, Query.cpp,
// HttpConnection.cpp); the Bots FAQ, "My bot is hitting limits".
//
// It listens on a loopback port, or in memory on a VirtualLoop. It serves the methods that
// lib/peers/telegram/service.cc lists, by GET or POST, with arguments in the query, as form, multipart or JSON; it has
// the limits of the FAQ, and its ChannelFaults. Time comes from the loop and randomness from the seed.
//
//   soak::peers::TelegramPeer peer(loop);
//   soak::net::HttpRequest request("POST", peer.url() + "/bot1:secret/sendMessage",
//                                  R"({"chat_id":42,"text":"soak 1"})", {{"Content-Type", "application/json"}});
//
// parse_mode and entities are read as the Bot API documents them, with its errors; a text's length is that after
// parsing. The last messages are kept (ChannelLedgerOptions::messages_kept): a bot can edit, delete and reply to these.
// A webhook gets its updates at http: and https: URLs of loopback addresses.
//
// Texts have the entities that Telegram finds by itself: commands, mentions, hashtags, cashtags, URLs, e-mail
// addresses.
//
// Not simulated: phone numbers as entities, a method in the response of a webhook, and the delay of a chat with more
// than 310 unsent messages. Options that are accepted and have no effect are in the log and in the ledger, as are
// methods that the fake does not have.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "soak/event_loop.h"
#include "soak/net/websocket_server.h"
#include "soak/peers/channel_faults.h"
#include "soak/peers/channel_ledger.h"
#include "soak/task.h"

namespace soak::peers {

// A rate of 0 switches that limit off.
struct TelegramLimits {
  bool on = true;              // False switches all of them off, for measuring throughput.
  double chat_per_second = 1;  // "Avoid sending more than one message per second"; "short bursts" are allowed.
  double chat_burst = 5;
  double group_per_minute = 20;  // For chats below zero and @names.
  double group_burst = 20;
  double per_second = 30;  // All chats together.
  double burst = 30;
};

// You can write these in a constructor call: TelegramPeer peer(loop, {.seed = 7}). In a co_await expression, give them
// a name first: g++ 12 would destroy the temporary twice, like any aggregate with a string.
struct TelegramPeerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0 picks a free one.
  // With a certificate it speaks only `https:`, like the service. A net::TestCa creates one.
  net::TlsIdentity tls = {};
  // Seed of the tokens that a rotation creates. If unset, drawn from the loop.
  std::optional<std::uint64_t> seed = std::nullopt;

  // The only token that is accepted, "<bot id>:<secret>"; empty accepts any of that form.
  std::string token = {};
  // The reply to a malformed token. Clients report 404 "Not Found" from the cloud; the open-source server sends 401.
  int malformed_token_status = 404;
  // The chats that exist; empty: any id, and any @name.
  std::vector<std::string> chats = {};
  // Whether the limit of 4,096 for a text counts UTF-16 units, like the offsets of entities, or characters. It is not
  // known which.
  bool length_in_utf16 = true;

  TelegramLimits limits = {};
  ChannelFaults* faults = nullptr;  // Its faults; null for none. Must outlive the peer.
  // Called with the token that is valid from now on, during the first request that is refused.
  std::function<void(const std::string& token)> on_rotation = {};
  ChannelLedgerOptions ledger = {};
};

class TelegramPeer {
 public:
  // Starts to listen. Throws Error: kConnectFailed if it cannot, kInvalidArgument for invalid options.
  explicit TelegramPeer(EventLoop& loop, TelegramPeerOptions options = {});
  // Drops the open connections: clients see a reset.
  ~TelegramPeer();
  TelegramPeer(const TelegramPeer&) = delete;
  TelegramPeer& operator=(const TelegramPeer&) = delete;

  // Use it instead of "https://api.telegram.org"; a client appends "/bot<token>/<method>".
  std::string url() const;
  // A test in any language posts a user's message here: POST {"conversation": "...", "text": "...", "from": "..."}, of
  // which "from", a user's id, may be left out; the response is {"id": "..."}.
  std::string control_url() const;
  std::uint16_t port() const;

  // The token that is valid now; empty while any token is accepted.
  const std::string& valid_token() const;
  // Makes this token the valid one; the old one gets 401. Empty: one drawn from the seed.
  void rotate_token(std::string token = {});

  // Adds a user's message, for the bot's webhook, or for getUpdates: the last 100 that were not fetched are kept.
  // Returns its message_id.
  std::string post_text(std::int64_t chat, std::string_view text);

  const ChannelLedger& ledger() const;

  // Accepts no further request, and returns once those under way are answered, after at most five seconds.
  Task<> close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::peers

#endif  // SOAK_PEERS_TELEGRAM_PEER_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_TELEGRAM_PEER_H_
#define SOAK_PEERS_TELEGRAM_PEER_H_

// A fake of the Telegram Bot API, for clients under soak.
// Sources: core.telegram.org/bots/api; the server's own code, github.com/tdlib/telegram-bot-api (Client.cpp, Query.cpp,
// HttpConnection.cpp); the Bots FAQ, "My bot is hitting limits".
//
// It listens on a loopback port, or in memory on a VirtualLoop. It plays getMe, sendMessage, getUpdates and
// deleteWebhook, by GET or POST, with arguments in the query, as form, multipart or JSON; it has the limits of the FAQ,
// and misbehaves as its ChannelFaults say. All time comes from the loop, and all chance from the seed.
//
//   soak::peers::TelegramPeer peer(loop);
//   soak::net::HttpRequest request("POST", peer.url() + "/bot1:secret/sendMessage", R"({"chat_id":42,"text":"soak
//   1"})",
//                                  {{"Content-Type", "application/json"}});
//
// Not played: parse_mode and entities are not read (the text's length is counted as it comes), nor is the delay of a
// chat with more than 310 unsent messages.

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

// A rate of 0 is without that limit.
struct TelegramLimits {
  bool on = true;              // False: none of them, for measuring throughput.
  double chat_per_second = 1;  // "Avoid sending more than one message per second"; "short bursts" are let through.
  double chat_burst = 5;
  double group_per_minute = 20;  // For chats below zero and @names.
  double group_burst = 20;
  double per_second = 30;  // All chats together.
  double burst = 30;
};

// To be named in a constructor call, TelegramPeer peer(loop, {.seed = 7}). In a co_await expression g++ 12 would
// destroy it twice, as any aggregate with a string: make a named one there.
struct TelegramPeerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0 takes a free one.
  // With a certificate it speaks `https:` and nothing else, as the service does. A net::TestCa makes one.
  net::TlsIdentity tls = {};
  // Of the tokens that a rotation makes. Unset, it is drawn from the loop.
  std::optional<std::uint64_t> seed = std::nullopt;

  // The only token that is let in, "<bot id>:<secret>"; empty lets any in that looks like one.
  std::string token = {};
  // What a malformed token is answered: 404 "Not Found" by the cloud, as clients tell; the open server says 401.
  int malformed_token_status = 404;
  // The only chats there are; empty: any id, and any @name.
  std::vector<std::string> chats = {};
  // Whether the 4,096 that a text may have are UTF-16 units, as the offsets of entities are, or characters: which of
  // them is not known.
  bool length_in_utf16 = true;

  TelegramLimits limits = {};
  ChannelFaults* faults = nullptr;  // What goes wrong; null for nothing. It must outlive the peer.
  // Called with the token that is valid from now on, within the request that is the first to be refused.
  std::function<void(const std::string& token)> on_rotation = {};
  ChannelLedgerOptions ledger = {};
};

class TelegramPeer {
 public:
  // Listens at once. Throws Error: kConnectFailed when it cannot, kInvalidArgument for options that make no sense.
  explicit TelegramPeer(EventLoop& loop, TelegramPeerOptions options = {});
  // Ends what is left where it stands: clients see a reset.
  ~TelegramPeer();
  TelegramPeer(const TelegramPeer&) = delete;
  TelegramPeer& operator=(const TelegramPeer&) = delete;

  // Instead of "https://api.telegram.org": a client adds "/bot<token>/<method>".
  std::string url() const;
  std::uint16_t port() const;

  // The token that is valid now; empty while any is.
  const std::string& valid_token() const;
  // From now on the one before is answered 401, and this one is valid. Empty: one that the seed makes.
  void rotate_token(std::string token = {});

  // A message of a user's, for getUpdates. Of those that nobody fetched the last 100 are kept.
  void post_text(std::int64_t chat, std::string_view text);

  const ChannelLedger& ledger() const;

  // Takes no further request; ends when those under way are answered, after five seconds at the latest.
  Task<> close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::peers

#endif  // SOAK_PEERS_TELEGRAM_PEER_H_

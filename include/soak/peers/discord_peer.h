// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_DISCORD_PEER_H_
#define SOAK_PEERS_DISCORD_PEER_H_

// A fake of Discord's HTTP API, version 10, for clients under soak: webhooks, and a bot's messages.
// Source: discord.com/developers/docs (github.com/discord/discord-api-docs: reference, resources/webhook,
// resources/message, topics/rate-limits, topics/opcodes-and-status-codes); what only users tell is marked with the
// thread.
//
// It listens on a loopback port, or in memory on a VirtualLoop. It plays Execute Webhook and Get Webhook (with its
// token), Create Message, and Get Current User; bodies are JSON, forms, or multipart with payload_json. It has
// Discord's limits, and misbehaves as its ChannelFaults say. All time comes from the loop, and all chance from the
// seed.
//
//   soak::peers::DiscordPeer peer(loop);
//   soak::net::HttpRequest request("POST", peer.webhook_url() + "?wait=true", R"({"content":"soak 1"})",
//                                  {{"Content-Type", "application/json"},
//                                   {"User-Agent", "DiscordBot (https://example.com, 1)"}});
//
// Not played: the gateway, threads, the /slack and /github forms of a webhook; embeds and files are counted, not read.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "soak/event_loop.h"
#include "soak/net/websocket_server.h"
#include "soak/peers/channel_faults.h"
#include "soak/peers/channel_ledger.h"
#include "soak/task.h"

namespace soak::peers {

// What is published is that limits must not be hard-coded. The bucket and the hidden limit are those that users report
// of webhooks (github.com/discord/discord-api-docs/issues/367, 1454). A count of 0 is without that limit.
struct DiscordLimits {
  bool on = true;  // False: none of them, and no X-RateLimit headers, for measuring throughput.
  // Of each channel or webhook, as the X-RateLimit headers tell.
  int bucket = 5;
  std::chrono::nanoseconds bucket_time = std::chrono::seconds{2};
  // Of each channel or webhook too, and no header tells of it but a 429's.
  int hidden = 30;
  std::chrono::nanoseconds hidden_time = std::chrono::seconds{60};
  // Of the bot, or of all webhooks of an address.
  int global_per_second = 50;
  // Answers of 401, 403 and 429 (scope "shared" apart); one more, and the address is banned.
  int invalid = 10'000;
  std::chrono::nanoseconds invalid_time = std::chrono::minutes{10};
  std::chrono::nanoseconds ban = std::chrono::hours{1};
};

// To be named in a constructor call, DiscordPeer peer(loop, {.seed = 7}). In a co_await expression g++ 12 would destroy
// it twice, as any aggregate with a string: make a named one there.
struct DiscordPeerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0 takes a free one.
  // With a certificate it speaks `https:` and nothing else, as the service does. A net::TestCa makes one.
  net::TlsIdentity tls = {};
  // Of tokens. Unset, it is drawn from the loop.
  std::optional<std::uint64_t> seed = std::nullopt;

  // The only bot token that is let in; empty lets any in, but not none.
  std::string token = {};
  // The only channels there are; empty: any snowflake.
  std::vector<std::string> channels = {};
  // Whoever does not send a User-Agent such as "DiscordBot (https://example.com, 1)" gets a page of the edge's.
  bool check_user_agent = true;
  // How long enforce_nonce finds the first message: "a few minutes".
  std::chrono::nanoseconds nonce_time = std::chrono::minutes{5};
  // How far X-RateLimit-Reset is off: a client should go by X-RateLimit-Reset-After.
  std::chrono::nanoseconds reset_skew{0};

  DiscordLimits limits = {};
  ChannelFaults* faults = nullptr;  // What goes wrong; null for nothing. It must outlive the peer.
  // Called with the bot token, or the webhook's URL, that is valid from now on, within the request that is the first to
  // be refused.
  std::function<void(const std::string& token_or_url)> on_rotation = {};
  ChannelLedgerOptions ledger = {};
};

class DiscordPeer {
 public:
  // Listens at once. Throws Error: kConnectFailed when it cannot, kInvalidArgument for options that make no sense.
  explicit DiscordPeer(EventLoop& loop, DiscordPeerOptions options = {});
  // Ends what is left where it stands: clients see a reset.
  ~DiscordPeer();
  DiscordPeer(const DiscordPeer&) = delete;
  DiscordPeer& operator=(const DiscordPeer&) = delete;

  // Instead of "https://discord.com/api/v10".
  std::string url() const;
  // url() + "/webhooks/{id}/{token}": whole, with its secret, and another one after a rotation.
  std::string webhook_url() const;
  std::uint16_t port() const;

  // The bot token that is valid now; empty while any is.
  const std::string& valid_token() const;
  // From now on the one before is answered 401, and this one is valid. Empty: one that the seed makes.
  void rotate_token(std::string token = {});
  // From now on the webhook's URL is another one, and the one before is answered 404 10015: it is deleted.
  void rotate_webhook();

  const ChannelLedger& ledger() const;
  // Answers that counted as invalid requests, in this ten minutes.
  int invalid_requests() const;

  // Takes no further request; ends when those under way are answered, after five seconds at the latest.
  Task<> close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::peers

#endif  // SOAK_PEERS_DISCORD_PEER_H_

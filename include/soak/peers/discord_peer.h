// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_DISCORD_PEER_H_
#define SOAK_PEERS_DISCORD_PEER_H_

// A fake of Discord's HTTP API, version 10, for clients under soak: webhooks, and a bot's messages.
// Source: discord.com/developers/docs (github.com/discord/discord-api-docs: reference, resources/webhook,
// resources/message, topics/rate-limits, topics/opcodes-and-status-codes); what is known only from users is marked with
// a link.
//
// It listens on a loopback port, or in memory on a VirtualLoop. It serves the methods that
// lib/peers/discord/routes.cc lists: messages of a bot and of a webhook (create, get, edit, delete), reactions, typing,
// the channel, the webhook (get, rename, delete), the bot's user and application. Bodies are JSON, forms, or multipart
// with payload_json. It has Discord's limits, and its ChannelFaults. Time comes from the loop and randomness from the
// seed.
//
//   soak::peers::DiscordPeer peer(loop);
//   soak::net::HttpRequest request("POST", peer.webhook_url() + "?wait=true", R"({"content":"soak 1"})",
//                                  {{"Content-Type", "application/json"},
//                                   {"User-Agent", "DiscordBot (https://example.com, 1)"}});
//
// A thread is a conversation of its own, and a channel of any other; a webhook and its threads share one rate limit.
// The webhook's URL also works without a version, as Discord's own page hands it out; then Retry-After is in
// milliseconds. The last messages are kept (ChannelLedgerOptions::messages_kept): a client can edit, delete, read and
// reply to these.
//
// Not simulated: the gateway, the /slack and /github forms of a webhook, the contents of files. Options that are
// accepted and have no effect are in the log and in the ledger, as are requests for methods that the fake does not
// have.

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

// Discord publishes no numbers, only that clients must not hard-code them. The bucket and the hidden limit are those
// that users report for webhooks (github.com/discord/discord-api-docs/issues/367, 1454). A count of 0 switches a limit
// off.
struct DiscordLimits {
  bool on = true;  // False switches off all of them and the X-RateLimit headers, for measuring throughput.
  // For each channel or webhook, as shown in the X-RateLimit headers.
  int bucket = 5;
  std::chrono::nanoseconds bucket_time = std::chrono::seconds{2};
  // Also for each channel or webhook; only the headers of a 429 show it.
  int hidden = 30;
  std::chrono::nanoseconds hidden_time = std::chrono::seconds{60};
  // For the bot, or for all webhooks used from one address.
  int global_per_second = 50;
  // How many replies of 401, 403 and 429 (except scope "shared") an address may get; one more, and it is banned.
  int invalid = 10'000;
  std::chrono::nanoseconds invalid_time = std::chrono::minutes{10};
  std::chrono::nanoseconds ban = std::chrono::hours{1};
};

// Discord's documentation says that clients without a valid User-Agent may be blocked, not which of them are.
enum class UserAgentCheck : std::uint8_t {
  kOff,
  // Those that users report as blocked: Python-urllib and Java/1., and browsers unless they use a webhook
  // (github.com/discord/discord-api-docs/issues/4908, 1504, 6473).
  kKnown,
  // All but those of the documented form: "DiscordBot (https://example.com, 1)".
  kStrict,
};

// You can write these in a constructor call: DiscordPeer peer(loop, {.seed = 7}). In a co_await expression, give them a
// name first: g++ 12 would destroy the temporary twice, like any aggregate with a string.
struct DiscordPeerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0 picks a free one.
  // With a certificate it speaks only `https:`, like the service. A net::TestCa creates one.
  net::TlsIdentity tls = {};
  // Seed of tokens. If unset, drawn from the loop.
  std::optional<std::uint64_t> seed = std::nullopt;

  // The only bot token that is accepted; empty accepts any token, but requires one.
  std::string token = {};
  // The channels that exist; empty: any snowflake.
  std::vector<std::string> channels = {};
  // Which clients the edge turns away with 403, by their User-Agent.
  UserAgentCheck check_user_agent = UserAgentCheck::kKnown;
  // How long enforce_nonce recognises the first message; documented as "a few minutes".
  std::chrono::nanoseconds nonce_time = std::chrono::minutes{5};
  // The error of X-RateLimit-Reset. A client should use X-RateLimit-Reset-After instead.
  std::chrono::nanoseconds reset_skew{0};

  DiscordLimits limits = {};
  ChannelFaults* faults = nullptr;  // Its faults; null for none. Must outlive the peer.
  // Called with the bot token, or the webhook's URL, that is valid from now on, within the request that is the first to
  // be refused.
  std::function<void(const std::string& token_or_url)> on_rotation = {};
  ChannelLedgerOptions ledger = {};
};

class DiscordPeer {
 public:
  // Starts to listen. Throws Error: kConnectFailed if it cannot, kInvalidArgument for invalid options.
  explicit DiscordPeer(EventLoop& loop, DiscordPeerOptions options = {});
  // Drops the open connections: clients see a reset.
  ~DiscordPeer();
  DiscordPeer(const DiscordPeer&) = delete;
  DiscordPeer& operator=(const DiscordPeer&) = delete;

  // Instead of "https://discord.com/api/v10".
  std::string url() const;
  // url() + "/webhooks/{id}/{token}", including its secret. It changes with a rotation. Once a client has deleted the
  // webhook, it is empty until rotate_webhook().
  std::string webhook_url() const;
  // A test in any language posts a user's message here: POST {"conversation": "...", "text": "...", "from": "..."}, of
  // which "from", a user's id, may be left out; the response is {"id": "..."}.
  std::string control_url() const;
  std::uint16_t port() const;

  // The bot token that is valid now; empty while any token is accepted.
  const std::string& valid_token() const;
  // Makes this token the valid one; the old one gets 401. Empty: one drawn from the seed.
  void rotate_token(std::string token = {});
  // Gives the webhook a new URL; the old one gets 404 10015, as if deleted.
  void rotate_webhook();

  // Adds a user's message in a channel, for Get Channel Messages. Returns its id; empty if there is no such channel.
  std::string post_text(std::string_view channel, std::string_view text, std::string_view user = {});

  const ChannelLedger& ledger() const;
  // How many requests counted as invalid in the current ten minutes.
  int invalid_requests() const;

  // Accepts no further request, and returns once those under way are answered, after at most five seconds.
  Task<> close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::peers

#endif  // SOAK_PEERS_DISCORD_PEER_H_

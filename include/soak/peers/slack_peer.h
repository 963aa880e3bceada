// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_SLACK_PEER_H_
#define SOAK_PEERS_SLACK_PEER_H_

// A fake of Slack's Web API and of its incoming webhooks, for clients under soak.
// Sources: docs.slack.dev ("Rate limits", "Using token rotation", the methods' pages and changelogs), the official SDKs
// github.com/slackapi/python-slack-sdk and slackapi/node-slack-sdk; what is known only from users is marked with a
// link.
//
// It listens on a loopback port, or in memory on a VirtualLoop. It serves the methods that
// lib/peers/slack/service.cc lists, api.test, oauth.v2.access with a refresh token, and one incoming webhook; it has
// Slack's limits, and misbehaves as its ChannelFaults say. Time comes from the loop and randomness from the seed.
//
//   soak::peers::SlackPeer peer(loop);
//   soak::net::HttpRequest request("POST", peer.url() + "/chat.postMessage", R"({"channel":"C1","text":"soak 1"})",
//                                  {{"Authorization", "Bearer xoxb-any"},
//                                   {"Content-Type", "application/json; charset=utf-8"}});
//
// Blocks are checked as their reference describes them, and come back; attachments are counted, and come back. The last
// messages are kept (ChannelLedgerOptions::messages_kept): a client can update, delete and read these. Options that are
// accepted and have no effect are in the log and in the ledger, as are methods that the fake does not have.

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
struct SlackLimits {
  bool on = true;  // False switches all of them off, for measuring throughput.
  double channel_per_second = 1;
  double channel_burst = 25;  // As reported in github.com/RamblingCookieMonster/PSSlack/issues/52.
  // For the workspace. Slack documents "several hundred per minute" without a number.
  double workspace_per_minute = 300;
  double workspace_burst = 300;
  // A webhook that gets more posts than this in five minutes is disabled for good
  // (github.com/maknz/slack/issues/36); 0 switches that off.
  int webhook_flood = 3600;
};

// You can write these in a constructor call: SlackPeer peer(loop, {.seed = 7}). In a co_await expression, give them a
// name first: g++ 12 would destroy the temporary twice, like any aggregate with a string.
struct SlackPeerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0 picks a free one.
  // With a certificate it speaks only `https:`, like the service. A net::TestCa creates one.
  net::TlsIdentity tls = {};
  // Seed of tokens, secrets and ids. If unset, drawn from the loop.
  std::optional<std::uint64_t> seed = std::nullopt;

  // The only token that is accepted; empty accepts any that begins with "xox".
  std::string token = {};
  // How long a token is valid after it was issued, or after the peer was created; with Slack's token rotation it is 12
  // h. 0: forever.
  std::chrono::nanoseconds token_lifetime{0};
  // For oauth.v2.access; empty accepts any, but requires one.
  std::string client_id = {};
  std::string client_secret = {};
  // The first refresh token; empty: one drawn from the seed.
  std::string refresh_token = {};

  // The channels that exist, by id or name; empty: any. A client may send to an id of capitals and digits that begins
  // with C, D or G, to a name with or without "#", and to a user's id; the response has the channel's id.
  std::vector<std::string> channels = {};
  // The app's request URL of the Events API, http: or https: on a loopback address: it gets the messages of
  // post_text(), signed with the secret. Empty: no events.
  std::string events_url = {};
  std::string signing_secret = {};
  // The text of a webhook's 429, which is not documented.
  std::string webhook_429_body = "rate_limited";

  SlackLimits limits = {};
  // Its faults; null for none. Must outlive the peer. After kRotate the old token is refused with the
  // fault's text: "token_expired" by default, "token_revoked", "invalid_auth" or another error.
  ChannelFaults* faults = nullptr;
  // Called with the token, or the webhook's URL, that is valid from now on, within the request that is the first to be
  // refused, or that refreshed it.
  std::function<void(const std::string& token_or_url)> on_rotation = {};
  ChannelLedgerOptions ledger = {};
};

class SlackPeer {
 public:
  // Starts to listen. Throws Error: kConnectFailed if it cannot, kInvalidArgument for invalid options.
  explicit SlackPeer(EventLoop& loop, SlackPeerOptions options = {});
  // Drops the open connections: clients see a reset.
  ~SlackPeer();
  SlackPeer(const SlackPeer&) = delete;
  SlackPeer& operator=(const SlackPeer&) = delete;

  // Use it instead of "https://slack.com/api"; a client appends "/chat.postMessage".
  std::string url() const;
  // Use it instead of "https://hooks.slack.com/services/T.../B.../...". It includes the secret, and changes with a
  // rotation.
  std::string webhook_url() const;
  // A test in any language posts a user's message here: POST {"conversation": "...", "text": "...", "from": "..."}, of
  // which "from", a user's id, may be left out; the response is {"id": "..."}.
  std::string control_url() const;
  std::uint16_t port() const;

  // The token that is valid now; empty while any token is accepted.
  const std::string& valid_token() const;
  // The refresh token that oauth.v2.access accepts next, once.
  const std::string& refresh_token() const;
  // Makes this token the valid one; the old one is refused with `error`. Empty: one drawn from the seed.
  void rotate_token(std::string token = {}, std::string error = "token_expired");
  // Gives the webhook a new URL; the old one gets 404 no_service.
  void rotate_webhook();

  // Adds a user's message in a channel, by its id or name, for conversations.history and the Events API. Returns its
  // ts; empty if there is no such channel.
  std::string post_text(std::string_view channel, std::string_view text, std::string_view user = "U00000002");

  const ChannelLedger& ledger() const;

  // Accepts no further request, and returns once those under way are answered, after at most five seconds.
  Task<> close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::peers

#endif  // SOAK_PEERS_SLACK_PEER_H_

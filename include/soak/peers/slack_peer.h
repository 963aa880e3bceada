// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_SLACK_PEER_H_
#define SOAK_PEERS_SLACK_PEER_H_

// A fake of Slack's Web API and of its incoming webhooks, for clients under soak.
// Sources: docs.slack.dev ("Rate limits", "Using token rotation", the methods' pages and changelogs), the official SDKs
// github.com/slackapi/python-slack-sdk and slackapi/node-slack-sdk; what only users tell is marked with the thread.
//
// It listens on a loopback port, or in memory on a VirtualLoop. It plays api.test, auth.test, chat.postMessage,
// oauth.v2.access with a refresh token, and one incoming webhook; it has Slack's limits, and misbehaves as its
// ChannelFaults say. All time comes from the loop, and all chance from the seed.
//
//   soak::peers::SlackPeer peer(loop);
//   soak::net::HttpRequest request("POST", peer.url() + "/chat.postMessage", R"({"channel":"C1","text":"soak 1"})",
//                                  {{"Authorization", "Bearer xoxb-any"},
//                                   {"Content-Type", "application/json; charset=utf-8"}});
//
// Blocks and attachments are counted, not read.

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

// A rate of 0 is without that limit.
struct SlackLimits {
  bool on = true;  // False: none of them, for measuring throughput.
  double channel_per_second = 1;
  double channel_burst = 25;  // As seen by github.com/RamblingCookieMonster/PSSlack/issues/52.
  // "Several hundred per minute" for the workspace; how many is not published.
  double workspace_per_minute = 300;
  double workspace_burst = 300;
  // A webhook that gets more than this many posts in five minutes is disabled for good
  // (github.com/maknz/slack/issues/36); 0 never.
  int webhook_flood = 3600;
};

// To be named in a constructor call, SlackPeer peer(loop, {.seed = 7}). In a co_await expression g++ 12 would destroy
// it twice, as any aggregate with a string: make a named one there.
struct SlackPeerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0 takes a free one.
  // With a certificate it speaks `https:` and nothing else, as the service does. A net::TestCa makes one.
  net::TlsIdentity tls = {};
  // Of tokens, secrets and ids. Unset, it is drawn from the loop.
  std::optional<std::uint64_t> seed = std::nullopt;

  // The only token that is let in; empty lets any in that begins with "xox".
  std::string token = {};
  // How long a token lives from when it was made or the peer was built: 12 h where rotation is turned on. 0: for ever.
  std::chrono::nanoseconds token_lifetime{0};
  // Of oauth.v2.access; empty takes any, but not none.
  std::string client_id = {};
  std::string client_secret = {};
  // What refreshes for the first time; empty: one that the seed makes.
  std::string refresh_token = {};

  // The only channels there are; empty: any id of capitals and digits that begins with C, D or G, and any #name.
  std::vector<std::string> channels = {};
  // The text of a webhook's 429, of which no source tells.
  std::string webhook_429_body = "rate_limited";

  SlackLimits limits = {};
  // What goes wrong; null for nothing. It must outlive the peer. kRotate has the old token refused with the fault's
  // text: "token_expired" unless given, "token_revoked", "invalid_auth" or another error.
  ChannelFaults* faults = nullptr;
  // Called with the token, or the webhook's URL, that is valid from now on, within the request that is the first to be
  // refused, or that refreshed it.
  std::function<void(const std::string& token_or_url)> on_rotation = {};
  ChannelLedgerOptions ledger = {};
};

class SlackPeer {
 public:
  // Listens at once. Throws Error: kConnectFailed when it cannot, kInvalidArgument for options that make no sense.
  explicit SlackPeer(EventLoop& loop, SlackPeerOptions options = {});
  // Ends what is left where it stands: clients see a reset.
  ~SlackPeer();
  SlackPeer(const SlackPeer&) = delete;
  SlackPeer& operator=(const SlackPeer&) = delete;

  // Instead of "https://slack.com/api": a client adds "/chat.postMessage".
  std::string url() const;
  // Instead of "https://hooks.slack.com/services/T.../B.../...": whole, with its secret, and another one after a
  // rotation.
  std::string webhook_url() const;
  std::uint16_t port() const;

  // What is valid now; empty while any is.
  const std::string& valid_token() const;
  // What oauth.v2.access takes, once.
  const std::string& refresh_token() const;
  // From now on the one before is refused with `error`, and this one is valid. Empty: one that the seed makes.
  void rotate_token(std::string token = {}, std::string error = "token_expired");
  // From now on the webhook's URL is another one, and the one before is answered 404 no_service.
  void rotate_webhook();

  const ChannelLedger& ledger() const;

  // Takes no further request; ends when those under way are answered, after five seconds at the latest.
  Task<> close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::peers

#endif  // SOAK_PEERS_SLACK_PEER_H_

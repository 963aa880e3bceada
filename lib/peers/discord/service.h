// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_DISCORD_SERVICE_H_
#define SOAK_LIB_PEERS_DISCORD_SERVICE_H_

// How the fake of Discord's HTTP API responds to requests. It does not depend on the transport.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/peers/channel_service.h"
#include "soak/peers/discord_peer.h"

namespace soak::peers {

class DiscordService final : public ChannelService {
 public:
  DiscordService(EventLoop& loop, DiscordPeerOptions options, std::uint64_t seed);
  ~DiscordService() = default;

  // Throws if the plan has a fault that Discord does not have: see ChannelService::no_such_fault().
  ChannelAnswer answer(net::HttpServerRequest request);
  static bool is_send(const net::HttpServerRequest& head);

  // The URL in front of the webhook's path; on_rotation passes the whole URL.
  void set_origin(std::string origin) { origin_ = std::move(origin); }

  const std::string& valid_token() const { return credential_.current(); }
  void rotate_token(std::string token);
  std::string webhook_path() const { return "/webhooks/" + webhook_id_ + "/" + webhook_.current(); }
  void rotate_webhook();
  int invalid_requests() const;

 private:
  // A message to be posted.
  struct Post {
    bool by_webhook = false;
    std::string place;  // The channel's id, or the webhook's.
    std::string content;
    std::string username;
    std::string nonce;  // As JSON; empty if there is none.
    bool enforce_nonce = false;
    bool wait = true;  // Whether the response contains the message.
  };

  ChannelAnswer route(ChannelRequest& request, net::HttpServerRequest& http);
  ChannelAnswer webhook(ChannelRequest& request, net::HttpServerRequest& http, const std::vector<std::string>& path);
  ChannelAnswer create_message(ChannelRequest& request, net::HttpServerRequest& http, const std::string& channel);
  ChannelAnswer post(ChannelRequest& request, net::HttpServerRequest& http, Post& post);
  // The error response for invalid arguments; otherwise nullopt, and `post` is filled in.
  std::optional<net::HttpResponse> problem(net::HttpServerRequest& http, Arguments& arguments, Post& post);

  ChannelAnswer error(ChannelRequest& request, ChannelOutcome outcome, int status, int code, std::string_view message);
  ChannelAnswer unauthorized(ChannelRequest& request, std::string_view token);
  std::string snowflake();
  std::string message(const Post& post, const std::string& id);
  std::string timestamp() const;
  std::string bucket_of(const ChannelRequest& request) const;
  void tell_limits(const ChannelRequest& request, net::HttpResponse& response);
  void count_invalid(const ChannelRequest& request, const net::HttpResponse& response);

  std::optional<RateLimited> reached_limit(const ChannelRequest& request) override;
  bool has_form(ChannelFaultKind form) const override;
  std::chrono::nanoseconds told(const RateLimited& limited) const override;
  net::HttpResponse too_many(const ChannelRequest& request, const RateLimited& limited) override;
  net::HttpResponse server_error(const ChannelRequest& request, bool stored) override;
  net::HttpResponse refusal(const ChannelRequest& request, const ChannelFault& fault) override;
  ChannelAnswer play_own(ChannelRequest& request, const ChannelFault& fault, const Store& store) override;

  DiscordPeerOptions options_;
  std::string origin_;
  Credential credential_;
  std::uint64_t snowflakes_ = 0;  // The constructor makes ids with it, so it comes before them.
  std::string webhook_channel_;   // The webhook's conversation. Unlike the URL, it does not change.
  std::string webhook_id_;
  Credential webhook_;
  std::vector<std::string> deleted_webhooks_;
  CountedWindow bot_global_;
  CountedWindow webhooks_global_;
  CountedWindow invalid_;
  const Post* posting_ = nullptr;  // The message that is being served.
  bool storing_ = true;            // False while kStoreNothing is played.
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_DISCORD_SERVICE_H_

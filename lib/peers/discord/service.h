// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_DISCORD_SERVICE_H_
#define SOAK_LIB_PEERS_DISCORD_SERVICE_H_

// What the fake of Discord's HTTP API answers, whatever the transport.

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

  // Throws what a plan makes impossible: see ChannelService::no_such_fault().
  ChannelAnswer answer(net::HttpServerRequest request);
  static bool is_send(const net::HttpServerRequest& head);

  // Before the path of the webhook, for on_rotation.
  void set_origin(std::string origin) { origin_ = std::move(origin); }

  const std::string& valid_token() const { return credential_.current(); }
  void rotate_token(std::string token);
  std::string webhook_path() const { return "/webhooks/" + webhook_id_ + "/" + webhook_.current(); }
  void rotate_webhook();
  int invalid_requests() const;

 private:
  // A message as it is to be.
  struct Post {
    bool by_webhook = false;
    std::string place;  // The channel's id, or the webhook's.
    std::string content;
    std::string username;
    std::string nonce;  // As JSON; empty for none.
    bool enforce_nonce = false;
    bool wait = true;  // For the message.
  };

  ChannelAnswer route(ChannelRequest& request, net::HttpServerRequest& http);
  ChannelAnswer webhook(ChannelRequest& request, net::HttpServerRequest& http, const std::vector<std::string>& path);
  ChannelAnswer create_message(ChannelRequest& request, net::HttpServerRequest& http, const std::string& channel);
  ChannelAnswer post(ChannelRequest& request, net::HttpServerRequest& http, Post& post);
  // Null: the arguments are a message.
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
  std::uint64_t snowflakes_ = 0;  // Before the ids that are made with it.
  std::string webhook_channel_;   // Its conversation, whatever its URL is.
  std::string webhook_id_;
  Credential webhook_;
  std::vector<std::string> deleted_webhooks_;
  CountedWindow bot_global_;
  CountedWindow webhooks_global_;
  CountedWindow invalid_;
  const Post* posting_ = nullptr;  // While it is served.
  bool storing_ = true;            // False while kStoreNothing is played.
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_DISCORD_SERVICE_H_

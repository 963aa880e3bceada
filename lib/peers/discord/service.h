// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_DISCORD_SERVICE_H_
#define SOAK_LIB_PEERS_DISCORD_SERVICE_H_

// How the fake of Discord's HTTP API responds to requests. It does not depend on the transport. A method of the API is
// a row in routes.cc, and a member below "The methods".

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/peers/channel_control.h"
#include "lib/peers/channel_service.h"
#include "lib/peers/discord/message.h"
#include "lib/peers/discord/message_body.h"
#include "lib/peers/recent_messages.h"
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

  // A user's message in a channel. Returns its id; empty if there is no such channel or user.
  std::string post(const IncomingMessage& message);

 private:
  enum class Access : std::uint8_t { kBot, kWebhook };
  struct Call;
  struct Route {
    std::string_view method;
    std::string_view path;  // Below the version, with "*" for an id or a token.
    Access access;
    ChannelAnswer (DiscordService::*serve)(Call& call);
    // Its bucket; 0: as in the options. Each channel has its own.
    int bucket = 0;
    std::chrono::nanoseconds bucket_time{0};
  };
  static const Route kRoutes[];

  // A request, and where its path leads.
  struct Call {
    ChannelRequest& request;
    net::HttpServerRequest& http;
    bool is_known_version = false;
    bool in_milliseconds = false;        // Retry-After, in versions before 8.
    std::vector<std::string> path = {};  // Below the version.
    const Route* route = nullptr;        // Null if there is none.
    bool is_known_path = false;          // There is one, perhaps for another method.
    std::vector<std::string> ids = {};   // What is in the place of its stars.
    bool waits = true;                   // Of a send: whether the response has the message.
    bool is_send() const;
    bool is_webhook() const { return !path.empty() && path[0] == "webhooks"; }
  };
  static void find_route(Call& call);

  ChannelAnswer route(Call& call);
  ChannelAnswer serve_bot(Call& call);
  ChannelAnswer serve_webhook(Call& call);

  // The methods.
  ChannelAnswer create_message(Call& call);
  ChannelAnswer list_messages(Call& call);
  ChannelAnswer get_message(Call& call);
  ChannelAnswer edit_message(Call& call);
  ChannelAnswer delete_message(Call& call);
  ChannelAnswer add_reaction(Call& call);
  ChannelAnswer remove_reaction(Call& call);
  ChannelAnswer trigger_typing(Call& call);
  ChannelAnswer get_channel(Call& call);
  ChannelAnswer get_me(Call& call);
  ChannelAnswer get_application(Call& call);
  ChannelAnswer execute_webhook(Call& call);
  ChannelAnswer get_webhook(Call& call);
  ChannelAnswer modify_webhook(Call& call);
  ChannelAnswer delete_webhook(Call& call);

  // Sends `body`, to the conversation in the request.
  ChannelAnswer send(Call& call, DiscordBody& body);
  // Serves what is no send, with the limits of its route, and writes these into the response.
  ChannelAnswer serve(Call& call, const Respond& respond);
  // `change` gets the message that the path names, and answers; without it the response is 404 10008.
  ChannelAnswer with_message(Call& call, const std::function<net::HttpResponse(DiscordMessage& message)>& change);
  // The conversation of a webhook's call: the thread in its query, or its channel.
  std::string webhook_conversation(const Call& call) const;
  bool knows(std::string_view channel) const;
  std::string webhook_json() const;
  void forget_webhook();  // Its id is one of a deleted webhook from now on.

  ChannelAnswer error(ChannelRequest& request, ChannelOutcome outcome, int status, int code, std::string_view message);
  ChannelAnswer unauthorized(ChannelRequest& request, std::string_view token);
  std::string snowflake();
  std::string json_of(const DiscordMessage& message);
  std::string timestamp() const;

  // Limits; see limits.cc.
  void tell_limits(const ChannelRequest& request, net::HttpResponse& response);
  void count_invalid(const ChannelRequest& request, const net::HttpResponse& response);
  int bucket_size() const;
  std::chrono::nanoseconds bucket_time() const;
  std::string bucket_name() const;

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
  std::string webhook_name_ = "hook";
  Credential webhook_;
  std::vector<std::string> deleted_webhooks_;
  RecentMessages<DiscordMessage> messages_;
  CountedWindow bot_global_;
  CountedWindow webhooks_global_;
  CountedWindow invalid_;
  const Call* call_ = nullptr;  // That is being served.
  bool storing_ = true;         // False while kStoreNothing is played.
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_DISCORD_SERVICE_H_

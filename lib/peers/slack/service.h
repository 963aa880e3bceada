// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_SLACK_SERVICE_H_
#define SOAK_LIB_PEERS_SLACK_SERVICE_H_

// How the fake of Slack responds to requests. It does not depend on the transport. A method of the Web API is a row in
// service.cc, and a member below "The methods".

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/json/writer.h"
#include "lib/peers/channel_control.h"
#include "lib/peers/channel_service.h"
#include "lib/peers/deliveries.h"
#include "lib/peers/recent_messages.h"
#include "lib/peers/slack/directory.h"
#include "lib/peers/slack/message.h"
#include "soak/peers/slack_peer.h"

namespace soak::peers {

inline constexpr std::string_view kSlackWebhook = "services/";  // Begins the name of a webhook's conversation.
inline bool is_slack_webhook(const ChannelRequest& request) { return request.conversation.starts_with(kSlackWebhook); }

// As an incoming webhook answers.
net::HttpResponse slack_text(int status, std::string body);

class SlackService final : public ChannelService {
 public:
  SlackService(EventLoop& loop, SlackPeerOptions options, std::uint64_t seed);
  ~SlackService() = default;

  ChannelAnswer answer(net::HttpServerRequest request);
  static bool is_send(const net::HttpServerRequest& head);

  // The URL in front of the webhook's path; on_rotation passes the whole URL.
  void set_origin(std::string origin) { origin_ = std::move(origin); }

  const std::string& valid_token() const { return credential_.current(); }
  const std::string& refresh_token() const { return refresh_token_; }
  void rotate_token(std::string token, std::string error);
  std::string webhook_path() const { return "/services/" + webhook_id_ + "/" + webhook_.current(); }
  void rotate_webhook();

  // A user's message in a channel, by its id or name. Returns its ts; empty if there is no such channel or user.
  std::string post(const IncomingMessage& message);
  Deliveries& deliveries() { return deliveries_; }

 private:
  // A call of a Web API method.
  struct Question {
    std::string method;
    std::string token;
    Arguments arguments;
    std::string problem;           // An error that takes precedence over all others: invalid_json, ...
    bool missing_charset = false;  // The Content-Type of a JSON body has no charset.
  };
  Question read(net::HttpServerRequest& http, std::string_view method);

  struct Method {
    std::string_view name;
    ChannelAnswer (SlackService::*serve)(ChannelRequest& request, const Question& question);
    double per_minute;
  };
  static const Method kMethods[];

  // The error of a call that is refused; empty if it is served.
  struct Problem {
    std::string error;
    std::vector<std::string> details;  // What is wrong with the blocks.
  };

  // The methods.
  ChannelAnswer auth_test(ChannelRequest& request, const Question& question);
  ChannelAnswer post_message(ChannelRequest& request, const Question& question);
  ChannelAnswer update_message(ChannelRequest& request, const Question& question);
  ChannelAnswer delete_message(ChannelRequest& request, const Question& question);
  ChannelAnswer add_reaction(ChannelRequest& request, const Question& question);
  ChannelAnswer remove_reaction(ChannelRequest& request, const Question& question);
  ChannelAnswer history(ChannelRequest& request, const Question& question);
  ChannelAnswer replies(ChannelRequest& request, const Question& question);
  ChannelAnswer list_conversations(ChannelRequest& request, const Question& question);
  ChannelAnswer open_conversation(ChannelRequest& request, const Question& question);
  ChannelAnswer conversation_info(ChannelRequest& request, const Question& question);
  ChannelAnswer user_info(ChannelRequest& request, const Question& question);
  // Those that need no valid token.
  ChannelAnswer refresh(ChannelRequest& request, const Question& question);
  ChannelAnswer api_test(ChannelRequest& request, const Question& question);

  ChannelAnswer web_api(ChannelRequest& request, const Question& question);
  ChannelAnswer webhook(ChannelRequest& request, net::HttpServerRequest& http, const std::vector<std::string>& path);
  // Serves what is no send, with the limit of its tier. `respond` writes the members of the response.
  ChannelAnswer serve_method(ChannelRequest& request, const std::function<Problem(json::Writer& ok)>& respond);
  // Likewise, for the message with the id in the argument `ts`; `change` returns the error.
  ChannelAnswer with_message(ChannelRequest& request, const Question& question, std::string_view ts,
                             const std::function<std::string(SlackMessage& message, json::Writer& ok)>& change);
  ChannelAnswer list_messages(ChannelRequest& request, const Question& question, bool is_thread);

  // The error for this token; empty if it is accepted.
  std::string refusal_of(std::string_view token) const;
  std::string mint_tokens();  // Returns the access token.
  // Fills in the text, the blocks and the attachments of `message`.
  Problem read_payload(const Arguments& arguments, SlackMessage& message);
  std::string next_ts();
  void send_event(const SlackMessage& message);
  static DeliveryRetries event_retries();
  ChannelAnswer error(ChannelRequest& request, const Problem& problem);
  net::HttpResponse error_response(const Problem& problem);
  net::HttpResponse json_response(std::string body);

  std::optional<RateLimited> reached_limit(const ChannelRequest& request) override;
  bool has_form(ChannelFaultKind form) const override;
  net::HttpResponse too_many(const ChannelRequest& request, const RateLimited& limited) override;
  net::HttpResponse server_error(const ChannelRequest& request, bool stored) override;
  net::HttpResponse refusal(const ChannelRequest& request, const ChannelFault& fault) override;
  ChannelOutcome outcome_of(const ChannelRequest& request, const ChannelFault& refusal) const override;
  ChannelAnswer play_own(ChannelRequest& request, const ChannelFault& fault, const Store& store) override;

  SlackPeerOptions options_;
  std::string origin_;
  Credential credential_;
  std::string outdated_error_ = "token_expired";
  Instant token_made_;
  bool expiry_told_ = false;  // Whether a client was told that `credential_` has expired.
  std::string graced_token_;  // The token before the last refresh: valid until it expires.
  Instant graced_made_{};
  std::string refresh_token_;

  std::string webhook_id_ = "T00000001/B00000001";
  Credential webhook_;
  CountedWindow webhook_posts_;
  bool webhook_disabled_ = false;

  TokenBucket workspace_;
  std::uint64_t messages_made_ = 0;
  SlackDirectory directory_;
  RecentMessages<SlackMessage> messages_;
  const Method* method_ = nullptr;  // That is being served.
  Deliveries deliveries_;
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_SLACK_SERVICE_H_

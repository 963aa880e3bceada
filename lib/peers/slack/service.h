// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_SLACK_SERVICE_H_
#define SOAK_LIB_PEERS_SLACK_SERVICE_H_

// How the fake of Slack responds to requests. It does not depend on the transport.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/peers/channel_service.h"
#include "soak/peers/slack_peer.h"

namespace soak::peers {

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

  ChannelAnswer web_api(ChannelRequest& request, const Question& question);
  ChannelAnswer post_message(ChannelRequest& request, const Question& question);
  ChannelAnswer refresh(ChannelRequest& request, const Question& question);
  ChannelAnswer api_test(ChannelRequest& request, const Question& question);
  ChannelAnswer webhook(ChannelRequest& request, net::HttpServerRequest& http, const std::vector<std::string>& path);

  // The error for this token; empty if it is accepted.
  std::string refusal_of(std::string_view token) const;
  std::string mint_tokens();  // Returns the access token.
  bool knows(std::string_view channel) const;
  std::string payload_error(const Arguments& arguments);
  std::string next_ts();
  ChannelAnswer error(ChannelRequest& request, std::string_view name);
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
  std::uint64_t messages_ = 0;
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_SLACK_SERVICE_H_

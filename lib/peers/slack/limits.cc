// SPDX-License-Identifier: Apache-2.0
// Slack's limits: of a channel, of the workspace, and of a method by its tier
// (docs.slack.dev/apis/web-api/rate-limits).

#include "lib/peers/slack/service.h"

namespace soak::peers {
namespace {

using Kind = ChannelFaultKind;
using std::chrono::nanoseconds;
using std::chrono::seconds;

}  // namespace

std::optional<RateLimited> SlackService::reached_limit(const ChannelRequest& request) {
  const SlackLimits& limits = options_.limits;
  if (!limits.on) {
    return std::nullopt;
  }
  const Instant now = loop_.now();
  if (!request.limit.empty()) {
    TokenBucket& method = book_.limit(request).pace;
    const double burst = method_->per_minute;
    const nanoseconds wait = method.wait(burst / 60, burst, now);
    if (wait > nanoseconds::zero()) {
      return RateLimited{.retry_after = wait};
    }
    method.take(burst / 60, burst, now);
    return std::nullopt;
  }
  TokenBucket& channel = book_.limit(request).pace;
  const double workspace_per_second = limits.workspace_per_minute / 60;
  const nanoseconds wait = channel.wait(limits.channel_per_second, limits.channel_burst, now);
  if (wait > nanoseconds::zero()) {
    return RateLimited{.retry_after = wait};
  }
  const nanoseconds all = workspace_.wait(workspace_per_second, limits.workspace_burst, now);
  if (all > nanoseconds::zero()) {
    return RateLimited{.scope = Scope::kCredential, .form = Kind::kRateLimitedGlobal, .retry_after = all};
  }
  channel.take(limits.channel_per_second, limits.channel_burst, now);
  workspace_.take(workspace_per_second, limits.workspace_burst, now);
  return std::nullopt;
}

bool SlackService::has_form(ChannelFaultKind form) const {
  return form != Kind::kRateLimitedBodyOnly && form != Kind::kRateLimitedShared && form != Kind::kRateLimitedHidden &&
         form != Kind::kEdgeBan;
}

net::HttpResponse SlackService::too_many(const ChannelRequest& request, const RateLimited& limited) {
  net::HttpResponse response = is_slack_webhook(request) ? slack_text(429, options_.webhook_429_body)
                                                         : json_response(R"({"ok":false,"error":"ratelimited"})");
  response.status = 429;
  const std::string number = std::to_string(std::chrono::duration_cast<seconds>(told(limited)).count());
  switch (limited.form) {
    case Kind::kRateLimitedUnsaid:
      break;
    case Kind::kRateLimitedJunk:
      response.headers.add("Retry-After", limited.junk);
      break;
    case Kind::kRateLimitedZero:
      response.headers.add("Retry-After", "0");
      break;
    case Kind::kRateLimitedLowerCase:
      response.headers.add("retry-after", number);
      break;
    default:
      response.headers.add("Retry-After", number);
  }
  return response;
}

}  // namespace soak::peers

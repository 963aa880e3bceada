// SPDX-License-Identifier: Apache-2.0
// The limits of the Bots FAQ, and the forms of a 429.

#include <fmt/format.h>

#include <algorithm>

#include "lib/peers/telegram/responses.h"
#include "lib/peers/telegram/service.h"

namespace soak::peers {
namespace {

using Kind = ChannelFaultKind;
using std::chrono::nanoseconds;
using std::chrono::seconds;

bool is_group(std::string_view chat) { return !chat.empty() && (chat[0] == '-' || chat[0] == '@'); }

}  // namespace

std::optional<RateLimited> TelegramService::reached_limit(const ChannelRequest& request) {
  const TelegramLimits& limits = options_.limits;
  if (!limits.on || request.conversation.empty()) {  // What is no message has no published limit.
    return std::nullopt;
  }
  const Instant now = loop_.now();
  LimitState& state = book_.limit(request);
  const double group_per_second = is_group(request.conversation) ? limits.group_per_minute / 60 : 0;
  const nanoseconds chat = std::max(state.pace.wait(limits.chat_per_second, limits.chat_burst, now),
                                    state.per_minute.wait(group_per_second, limits.group_burst, now));
  const nanoseconds all = all_chats_.wait(limits.per_second, limits.burst, now);
  if (chat > nanoseconds::zero()) {
    return RateLimited{.retry_after = chat};
  }
  if (all > nanoseconds::zero()) {
    return RateLimited{.scope = Scope::kCredential, .form = Kind::kRateLimitedGlobal, .retry_after = all};
  }
  state.pace.take(limits.chat_per_second, limits.chat_burst, now);
  state.per_minute.take(group_per_second, limits.group_burst, now);
  all_chats_.take(limits.per_second, limits.burst, now);
  return std::nullopt;
}

bool TelegramService::has_form(ChannelFaultKind form) const {
  return form != Kind::kRateLimitedShared && form != Kind::kRateLimitedHidden && form != Kind::kEdgeBan;
}

net::HttpResponse TelegramService::too_many(const ChannelRequest& /*request*/, const RateLimited& limited) {
  const std::string told_seconds = std::to_string(std::chrono::duration_cast<seconds>(told(limited)).count());
  std::string description = "Too Many Requests: retry after " + told_seconds;
  std::string parameters = fmt::format(R"({{"retry_after":{}}})", told_seconds);
  std::string header = told_seconds;
  std::string header_name = "Retry-After";
  switch (limited.form) {
    case Kind::kRateLimitedHeaderOnly:
      description = "Too Many Requests";
      parameters.clear();
      break;
    case Kind::kRateLimitedBodyOnly:  // Like very old servers (github.com/hdghg/cjbot/issues/13), without the header.
      parameters.clear();
      header.clear();
      break;
    case Kind::kRateLimitedUnsaid:
      description = "Too Many Requests";
      parameters.clear();
      header.clear();
      break;
    case Kind::kRateLimitedJunk:
      description = "Too Many Requests";
      parameters.clear();
      header = limited.junk;
      break;
    case Kind::kRateLimitedZero:
      description = "Too Many Requests: retry after 0";
      parameters = R"({"retry_after":0})";
      header = "0";
      break;
    case Kind::kRateLimitedLowerCase:
      header_name = "retry-after";
      break;
    default:
      break;
  }
  net::HttpResponse response = telegram_error(429, description, parameters);
  if (!header.empty()) {
    response.headers.add(header_name, header);
  }
  return response;
}

}  // namespace soak::peers

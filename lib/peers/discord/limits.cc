// SPDX-License-Identifier: Apache-2.0
// Discord's rate limits, and how its responses show them (discord.com/developers/docs/topics/rate-limits).

#include <fmt/format.h>

#include "lib/json/writer.h"
#include "lib/peers/discord/errors.h"
#include "lib/peers/discord/service.h"
#include "lib/peers/fnv.h"
#include "lib/peers/json_response.h"
#include "lib/text/format.h"

namespace soak::peers {
namespace {

using Kind = ChannelFaultKind;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

std::string three_decimals(nanoseconds duration) { return fmt::format("{:.3f}", text::seconds(duration)); }

}  // namespace

int DiscordService::invalid_requests() const {
  const int limit = options_.limits.invalid;
  return limit - invalid_.remaining(limit, options_.limits.invalid_time, loop_.now());
}

void DiscordService::count_invalid(const ChannelRequest& request, const net::HttpResponse& response) {
  const DiscordLimits& limits = options_.limits;
  if (!limits.on || limits.invalid == 0) {
    return;
  }
  if (response.status != 401 && response.status != 403 && response.status != 429) {
    return;
  }
  if (response.headers.get("x-ratelimit-scope") == "shared") {
    return;
  }
  if (response.status == 429 && !response.headers.contains("x-ratelimit-scope") &&
      request.retry_after > nanoseconds{0} && response.headers.get("content-type").starts_with("text/plain")) {
    return;  // The 429 of the ban itself does not count.
  }
  const Instant now = loop_.now();
  if (invalid_.remaining(limits.invalid, limits.invalid_time, now) > 0) {
    invalid_.take(limits.invalid_time, now);
    return;
  }
  book_.open_window(Scope::kAddress, request, limits.ban,
                    fmt::format("error code: 1015 and Retry-After {}", whole_seconds(limits.ban)));
}

int DiscordService::bucket_size() const {
  const bool has_own = call_ != nullptr && call_->route != nullptr && call_->route->bucket > 0;
  return has_own && options_.limits.bucket > 0 ? call_->route->bucket : options_.limits.bucket;
}

nanoseconds DiscordService::bucket_time() const {
  const bool has_own = call_ != nullptr && call_->route != nullptr && call_->route->bucket > 0;
  return has_own ? call_->route->bucket_time : options_.limits.bucket_time;
}

// An opaque hash of the route alone; it does not depend on the channel or webhook.
std::string DiscordService::bucket_name() const {
  const Route* const route = call_ == nullptr ? nullptr : call_->route;
  return fmt::format("{:016x}", route == nullptr ? 0 : fnv1a(fmt::format("{} {}", route->method, route->path)));
}

void DiscordService::tell_limits(const ChannelRequest& request, net::HttpResponse& response) {
  if (!options_.limits.on || bucket_size() == 0) {
    return;
  }
  const Instant now = loop_.now();
  const CountedWindow& bucket = book_.limit(request).bucket;
  const nanoseconds rest = bucket.rest(bucket_time(), now);
  response.headers.add("X-RateLimit-Limit", std::to_string(bucket_size()));
  response.headers.add("X-RateLimit-Remaining", std::to_string(bucket.remaining(bucket_size(), bucket_time(), now)));
  response.headers.add("X-RateLimit-Reset",
                       three_decimals(loop_.wall_now().time_since_epoch() + rest + options_.reset_skew));
  response.headers.add("X-RateLimit-Reset-After", three_decimals(rest));
  response.headers.add("X-RateLimit-Bucket", bucket_name());
}

std::optional<RateLimited> DiscordService::reached_limit(const ChannelRequest& request) {
  const DiscordLimits& limits = options_.limits;
  if (!limits.on) {
    return std::nullopt;
  }
  const Instant now = loop_.now();
  constexpr nanoseconds kSecond = seconds{1};
  const bool is_send = call_->is_send();
  CountedWindow& global = call_->is_webhook() ? webhooks_global_ : bot_global_;
  LimitState& state = book_.limit(request);
  if (limits.global_per_second > 0 && global.remaining(limits.global_per_second, kSecond, now) == 0) {
    return RateLimited{
        .scope = Scope::kCredential, .form = Kind::kRateLimitedGlobal, .retry_after = global.rest(kSecond, now)};
  }
  if (limits.bucket > 0 && state.bucket.remaining(bucket_size(), bucket_time(), now) == 0) {
    return RateLimited{.retry_after = state.bucket.rest(bucket_time(), now)};
  }
  if (is_send && limits.hidden > 0 && state.hidden.remaining(limits.hidden, limits.hidden_time, now) == 0) {
    return RateLimited{.form = Kind::kRateLimitedHidden, .retry_after = state.hidden.rest(limits.hidden_time, now)};
  }
  global.take(kSecond, now);
  state.bucket.take(bucket_time(), now);
  if (is_send) {
    state.hidden.take(limits.hidden_time, now);
  }
  return std::nullopt;
}

bool DiscordService::has_form(ChannelFaultKind /*form*/) const { return true; }

// The body has seconds with three decimals, the header has whole seconds.
nanoseconds DiscordService::told(const RateLimited& limited) const {
  const bool whole = limited.form == Kind::kRateLimitedHeaderOnly || limited.form == Kind::kEdgeBan;
  if (whole) {
    return ChannelService::told(limited);
  }
  return std::chrono::ceil<milliseconds>(limited.retry_after);
}

net::HttpResponse DiscordService::too_many(const ChannelRequest& request, const RateLimited& limited) {
  const nanoseconds wait = limited.form == Kind::kRateLimitedZero ? nanoseconds::zero() : told(limited);
  if (limited.form == Kind::kEdgeBan) {
    return net::HttpResponse(
        429, "error code: 1015",
        {{"Content-Type", "text/plain; charset=UTF-8"}, {"Retry-After", std::to_string(whole_seconds(wait))}});
  }
  // Versions before 8 have milliseconds in both places.
  const bool in_milliseconds = call_ != nullptr && call_->in_milliseconds;
  const std::int64_t wait_ms = std::chrono::ceil<milliseconds>(wait).count();
  const std::string header = std::to_string(in_milliseconds ? wait_ms : whole_seconds(wait));
  const bool global = limited.form == Kind::kRateLimitedGlobal;
  const bool says_body = limited.form != Kind::kRateLimitedHeaderOnly && limited.form != Kind::kRateLimitedUnsaid &&
                         limited.form != Kind::kRateLimitedJunk;
  const bool says_header = limited.form != Kind::kRateLimitedBodyOnly && limited.form != Kind::kRateLimitedUnsaid;
  json::Writer json;
  json.object().key("message").text("You are being rate limited.");
  if (says_body) {
    json.key("retry_after").raw(in_milliseconds ? std::to_string(wait_ms) : three_decimals(wait));
  }
  json.key("global").boolean(global).end_object();
  net::HttpResponse response = json_response(429, json.take());
  if (limited.form == Kind::kRateLimitedJunk) {
    response.headers.add("Retry-After", limited.junk);
  } else if (says_header) {
    response.headers.add(limited.form == Kind::kRateLimitedLowerCase ? "retry-after" : "Retry-After", header);
  }
  if (global) {
    response.headers.add("X-RateLimit-Global", "true");
    response.headers.add("X-RateLimit-Scope", "global");
    return response;
  }
  const bool shared = limited.form == Kind::kRateLimitedShared;
  const bool keeps_remaining = shared || limited.form == Kind::kRateLimitedHidden;
  if (options_.limits.on && options_.limits.bucket > 0 && keeps_remaining) {
    tell_limits(request, response);
    if (response.headers.get("x-ratelimit-remaining") == "0") {
      response.headers.set("X-RateLimit-Remaining", "1");
    }
  } else if (says_body && says_header) {
    response.headers.add("X-RateLimit-Limit", std::to_string(bucket_size()));
    response.headers.add("X-RateLimit-Remaining", "0");
    response.headers.add("X-RateLimit-Reset",
                         three_decimals(loop_.wall_now().time_since_epoch() + wait + options_.reset_skew));
    response.headers.add("X-RateLimit-Reset-After", three_decimals(wait));
    response.headers.add("X-RateLimit-Bucket", bucket_name());
  }
  response.headers.add("X-RateLimit-Scope", shared ? "shared" : "user");
  return response;
}

}  // namespace soak::peers

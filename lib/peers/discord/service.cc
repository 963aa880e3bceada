// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/discord/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lib/json/writer.h"
#include "lib/peers/authorization.h"
#include "lib/peers/fnv.h"
#include "lib/text/format.h"
#include "lib/text/utf8.h"

namespace soak::peers {
namespace {

using Kind = ChannelFaultKind;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::size_t kContentMax = 2000;
constexpr std::size_t kEmbedsMax = 10;
constexpr std::size_t kUsernameMax = 80;
constexpr std::size_t kNonceMax = 25;
constexpr std::size_t kNoncesKept = 512;  // Per conversation.
constexpr std::string_view kGuild = "1000000000000000001";

net::HttpResponse json_response(int status, std::string body) {
  return net::HttpResponse(status, std::move(body), {{"Content-Type", "application/json"}});
}

net::HttpResponse error_response(int status, int code, std::string_view message, std::string_view errors = {}) {
  json::Writer json;
  json.object().key("message").text(message).key("code").integer(code);
  if (!errors.empty()) {
    json.key("errors").raw(errors);
  }
  return json_response(status, json.end_object().take());
}

// Error 50035, which names `field` and what is wrong with it.
net::HttpResponse invalid_form(std::string_view field, std::string_view code, std::string_view message) {
  json::Writer errors;
  errors.object().key(field).object().key("_errors").array().object();
  errors.key("code").text(code).key("message").text(message);
  errors.end_object().end_array().end_object().end_object();
  return error_response(400, 50035, "Invalid Form Body", errors.take());
}

bool is_snowflake(std::string_view id) {
  return !id.empty() && id.size() <= 20 && id.find_first_not_of("0123456789") == std::string_view::npos;
}

// True for "DiscordBot (<url>, <version>)", with or without more text after it.
bool is_bot_agent(std::string_view agent) {
  constexpr std::string_view kStart = "DiscordBot (";
  if (!agent.starts_with(kStart)) {
    return false;
  }
  const std::size_t comma = agent.find(", ");
  return comma != std::string_view::npos && comma > kStart.size() && agent.find(')') > comma + 2 &&
         agent.find(')') != std::string_view::npos;
}

std::string three_decimals(nanoseconds duration) { return fmt::format("{:.3f}", text::seconds(duration)); }

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

}  // namespace

DiscordService::DiscordService(EventLoop& loop, DiscordPeerOptions options, std::uint64_t seed)
    : ChannelService(loop, "discord_peer", seed, options.faults, options.ledger),
      options_(std::move(options)),
      credential_(options_.token),
      webhook_channel_(snowflake()),
      webhook_id_(snowflake()),
      webhook_(ids_.next(ids_.next({}))) {}

bool DiscordService::is_send(const net::HttpServerRequest& head) {
  if (head.method != "POST") {
    return false;
  }
  const std::string_view path = head.path;
  return path.starts_with("/api/v10/webhooks/") ||
         (path.starts_with("/api/v10/channels/") && path.ends_with("/messages"));
}

void DiscordService::rotate_token(std::string token) {
  if (token.empty()) {
    token = "MTA" + ids_.next({}) + "." + ids_.next({}).substr(0, 6) + "." + ids_.next("AAAAAA");
  }
  credential_.rotate(std::move(token));
  book_.rotated();
  if (options_.on_rotation) {
    options_.on_rotation(credential_.current());
  }
}

void DiscordService::rotate_webhook() {
  constexpr std::size_t kDeletedKept = 64;
  deleted_webhooks_.push_back(std::exchange(webhook_id_, snowflake()));
  if (deleted_webhooks_.size() > kDeletedKept) {
    deleted_webhooks_.erase(deleted_webhooks_.begin());
  }
  webhook_.rotate(ids_.next(ids_.next({})));
  book_.rotated();
  if (options_.on_rotation) {
    options_.on_rotation(origin_ + "/api/v10" + webhook_path());
  }
}

int DiscordService::invalid_requests() const {
  const int limit = options_.limits.invalid;
  return limit - invalid_.remaining(limit, options_.limits.invalid_time, loop_.now());
}

std::string DiscordService::snowflake() {
  constexpr std::int64_t kDiscordEpoch = 1'420'070'400'000;
  const std::int64_t now = std::chrono::floor<milliseconds>(loop_.wall_now()).time_since_epoch().count();
  const auto since = static_cast<std::uint64_t>(std::max(now - kDiscordEpoch, std::int64_t{1}));
  return std::to_string((since << 22U) | (++snowflakes_ & 0x3fffffU));
}

std::string DiscordService::timestamp() const {
  const auto now = std::chrono::floor<std::chrono::microseconds>(loop_.wall_now());
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<std::chrono::microseconds> clock(now - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}+00:00", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

std::string DiscordService::message(const Post& post, const std::string& id) {
  const std::string& author = post.by_webhook ? webhook_id_ : std::string("1000000000000000002");
  json::Writer json;
  json.object().key("id").text(id).key("channel_id").text(post.by_webhook ? webhook_channel_ : post.place);
  if (post.by_webhook) {
    json.key("webhook_id").text(webhook_id_);
  }
  json.key("type").integer(0).key("content").text(post.content);
  json.key("author").object().key("id").text(author);
  json.key("username").text(post.username.empty() ? (post.by_webhook ? "hook" : "soak") : post.username);
  if (!post.by_webhook) {
    json.key("bot").boolean(true);
  }
  json.end_object().key("timestamp").text(timestamp()).key("edited_timestamp").null();
  json.key("tts").boolean(false).key("mention_everyone").boolean(false);
  json.key("mentions").raw("[]").key("mention_roles").raw("[]").key("attachments").raw("[]");
  json.key("embeds").raw("[]").key("pinned").boolean(false).key("components").raw("[]").key("flags").integer(0);
  if (!post.nonce.empty()) {
    json.key("nonce").raw(post.nonce);
  }
  return json.end_object().take();
}

ChannelAnswer DiscordService::error(ChannelRequest& request, ChannelOutcome outcome, int status, int code,
                                    std::string_view message) {
  return finish(request, outcome, error_response(status, code, message));
}

ChannelAnswer DiscordService::unauthorized(ChannelRequest& request, std::string_view token) {
  book_.refuse_credential(request, credential_.standing(token) == Credential::Standing::kOutdated);
  return error(request, ChannelOutcome::kCredential, 401, 0, "401: Unauthorized");
}

ChannelAnswer DiscordService::answer(net::HttpServerRequest http) {
  ChannelRequest request;
  request.connection = http.connection;
  ChannelAnswer answer = route(request, http);
  if (!answer.reset) {
    count_invalid(request, answer.response);
  }
  return answer;
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

ChannelAnswer DiscordService::route(ChannelRequest& request, net::HttpServerRequest& http) {
  const std::vector<std::string> path = path_segments(http.path);
  const bool is_agent = !options_.check_user_agent || is_bot_agent(http.headers.get("user-agent"));
  const bool is_v10 = path.size() > 2 && path[0] == "api" && path[1] == "v10";
  if (is_agent && is_v10) {
    if (path.size() == 5 && path[2] == "webhooks") {
      return webhook(request, http, path);
    }
    if (path.size() == 5 && path[2] == "channels" && path[4] == "messages" && http.method == "POST") {
      return create_message(request, http, path[3]);
    }
  }
  const auto inside = book_.arrive(request);
  if (inside && inside->scope == Scope::kAddress) {
    return turn_away(request, *inside);
  }
  if (!is_agent) {
    return finish(request, ChannelOutcome::kRefused,
                  net::HttpResponse(403,
                                    "<!DOCTYPE html>\n<html><head><title>Access denied</title></head><body>error "
                                    "code: 1010</body></html>\n",
                                    {{"Content-Type", "text/html; charset=UTF-8"}}));
  }
  if (!is_v10 && !path.empty() && path[0] == "api") {
    // Discord serves a path without a version as v6, where Retry-After is in milliseconds. No client should rely on
    // that, so the fake refuses it.
    return error(request, ChannelOutcome::kRefused, 400, 50041, "Invalid API version provided");
  }
  if (is_v10 && path.size() == 4 && path[2] == "users" && path[3] == "@me" && http.method == "GET") {
    const std::string authorization = http.headers.get("authorization");
    const std::string_view token = credentials(authorization, "bot");
    request.credential = credential_.generation(token);
    if (token.empty() || credential_.standing(token) != Credential::Standing::kValid) {
      return unauthorized(request, token);
    }
    if (inside) {
      return turn_away(request, *inside);
    }
    return finish(request, ChannelOutcome::kAnswered,
                  json_response(200, R"({"id":"1000000000000000002","username":"soak","discriminator":"0000",)"
                                     R"("global_name":null,"avatar":null,"bot":true,"mfa_enabled":false,)"
                                     R"("verified":true,"email":null,"flags":0})"));
  }
  return error(request, ChannelOutcome::kRefused, 404, 0, "404: Not Found");
}

ChannelAnswer DiscordService::webhook(ChannelRequest& request, net::HttpServerRequest& http,
                                      const std::vector<std::string>& path) {
  const std::string& id = path[3];
  const std::string& token = path[4];
  const bool is_ours = id == webhook_id_;
  const bool is_deleted = std::find(deleted_webhooks_.begin(), deleted_webhooks_.end(), id) != deleted_webhooks_.end();
  const auto standing = webhook_.standing(token);
  request.credential = webhook_.generation(token);
  if (is_ours || is_deleted) {
    request.conversation = webhook_channel_;
  }
  if (!is_ours || standing != Credential::Standing::kValid || (http.method != "POST" && http.method != "GET")) {
    const auto inside = book_.arrive(request);
    if (inside && inside->scope == Scope::kAddress) {
      return turn_away(request, *inside);
    }
    if (http.method != "POST" && http.method != "GET") {
      return error(request, ChannelOutcome::kRefused, 405, 0, "405: Method Not Allowed");
    }
    book_.refuse_credential(request, is_deleted || standing == Credential::Standing::kOutdated);
    if (!is_ours) {
      return error(request, ChannelOutcome::kCredential, 404, 10015, "Unknown Webhook");
    }
    return error(request, ChannelOutcome::kCredential, 401, 50027, "Invalid Webhook Token");
  }
  if (http.method == "GET") {
    request.conversation.clear();  // Not a send, so the limits of sends do not apply.
    if (const auto inside = book_.arrive(request)) {
      return turn_away(request, *inside);
    }
    json::Writer json;
    json.object().key("id").text(webhook_id_).key("type").integer(1).key("name").text("hook").key("avatar").null();
    json.key("channel_id").text(webhook_channel_).key("guild_id").text(kGuild).key("application_id").null();
    json.key("token").text(token).end_object();
    return finish(request, ChannelOutcome::kAnswered, json_response(200, json.take()));
  }
  Arguments query;
  query.add_form(http.query);
  Post own;
  own.by_webhook = true;
  own.place = webhook_channel_;
  own.wait = query.truth("wait");
  return post(request, http, own);
}

ChannelAnswer DiscordService::create_message(ChannelRequest& request, net::HttpServerRequest& http,
                                             const std::string& channel) {
  const std::string authorization = http.headers.get("authorization");
  const std::string_view token = credentials(authorization, "bot");
  request.credential = token.empty() ? 0 : credential_.generation(token);
  const bool is_known = options_.channels.empty() ? is_snowflake(channel)
                                                  : std::find(options_.channels.begin(), options_.channels.end(),
                                                              channel) != options_.channels.end();
  if (is_known) {
    request.conversation = channel;
  }
  const bool is_valid = !token.empty() && credential_.standing(token) == Credential::Standing::kValid;
  if (!is_valid || !is_known) {
    const auto inside = book_.arrive(request);
    if (inside && inside->scope == Scope::kAddress) {
      return turn_away(request, *inside);
    }
    if (!is_valid) {
      return unauthorized(request, token);
    }
    if (inside) {
      return turn_away(request, *inside);
    }
    if (is_snowflake(channel)) {
      return error(request, ChannelOutcome::kRefused, 404, 10003, "Unknown Channel");
    }
    if (!text::is_utf8(channel)) {
      return error(request, ChannelOutcome::kRefused, 404, 0, "404: Not Found");
    }
    return finish(request, ChannelOutcome::kRefused,
                  invalid_form("channel_id", "NUMBER_TYPE_COERCE",
                               fmt::format("Value \"{}\" is not snowflake.", excerpt(channel))));
  }
  Post own;
  own.place = channel;
  return post(request, http, own);
}

std::optional<net::HttpResponse> DiscordService::problem(net::HttpServerRequest& http, Arguments& arguments,
                                                         Post& post) {
  const ContentType type = content_type(http.headers);
  try {
    switch (type.type) {
      case BodyType::kNone:
      case BodyType::kOther:
        if (http.body.empty()) {
          break;
        }
        return invalid_form("_misc", "CONTENT_TYPE_INVALID",
                            "Expected \"Content-Type\" header to be one of {'application/json', "
                            "'application/x-www-form-urlencoded', 'multipart/form-data'}.");
      case BodyType::kForm:
        arguments.add_form(http.body);
        break;
      case BodyType::kMultipart:
        if (!arguments.add_multipart(http.body, type.boundary)) {
          return invalid_form("_misc", "FORM_TYPE_INVALID", "The multipart body cannot be read.");
        }
        if (const Argument* const json = arguments.find("payload_json")) {
          const std::string payload = json->value;
          arguments.add_json(parser_, payload);
        }
        break;
      case BodyType::kJson:
        arguments.add_json(parser_, std::move(http.body));
        break;
    }
  } catch (const Refusal&) {
    return error_response(400, 50109, "The request body contains invalid JSON.");
  }

  if (!arguments.is_utf8()) {
    return error_response(400, 50109, "The request body contains invalid JSON.");
  }
  if (const Argument* const content = arguments.find("content")) {
    if (content->kind == Argument::Kind::kObject || content->kind == Argument::Kind::kArray) {
      return invalid_form("content", "STRING_TYPE_CONVERT", "Could not interpret the value as a string.");
    }
    post.content = content->value;
  }
  if (text::utf8_length(post.content).value().characters > kContentMax) {
    return invalid_form("content", "BASE_TYPE_MAX_LENGTH", fmt::format("Must be {} or fewer in length.", kContentMax));
  }
  std::size_t embed_count = 0;
  if (const Argument* const embeds = arguments.find("embeds")) {
    const auto count = array_size(parser_, embeds->value);
    if (!count) {
      return invalid_form("embeds", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
    }
    embed_count = *count;
    if (*count > kEmbedsMax) {
      return invalid_form("embeds", "BASE_TYPE_MAX_LENGTH", fmt::format("Must be {} or fewer in length.", kEmbedsMax));
    }
  }
  post.username = arguments.text("username");
  if (text::utf8_length(post.username).value().characters > kUsernameMax) {
    return invalid_form("username", "BASE_TYPE_BAD_LENGTH",
                        fmt::format("Must be between 1 and {} in length.", kUsernameMax));
  }
  if (const Argument* const nonce = arguments.find("nonce"); nonce != nullptr && !post.by_webhook) {
    const bool is_integer =
        nonce->kind == Argument::Kind::kNumber && nonce->value.find_first_not_of("-0123456789") == std::string::npos;
    if ((nonce->kind != Argument::Kind::kText && !is_integer) || nonce->value.size() > kNonceMax) {
      return invalid_form("nonce", "NONCE_TYPE_TOO_LONG", "Must be 25 or fewer in length.");
    }
    json::Writer json;
    post.nonce = is_integer ? nonce->value : json.text(nonce->value).take();
    post.enforce_nonce = arguments.truth("enforce_nonce");
  }
  const bool has_file = std::any_of(arguments.begin(), arguments.end(), [](const Argument& a) { return a.is_file; });
  if (is_blank(post.content) && embed_count == 0 && !has_file && !arguments.contains("poll") &&
      !arguments.contains("components") && !arguments.contains("sticker_ids")) {
    return error_response(400, 50006, "Cannot send an empty message");
  }
  return std::nullopt;
}

ChannelAnswer DiscordService::post(ChannelRequest& request, net::HttpServerRequest& http, Post& post) {
  Arguments arguments;
  const std::optional<net::HttpResponse> wrong = problem(http, arguments, post);
  const MessageKey key = options_.ledger.key_of(post.content);
  request.key = key.key;
  request.nonce = post.nonce;
  if (const auto inside = book_.arrive(request)) {
    return turn_away(request, *inside);
  }
  if (wrong) {
    return finish(request, ChannelOutcome::kRefused, *wrong);
  }

  posting_ = &post;
  ChannelAnswer answer = serve_send(request, post.enforce_nonce && !post.nonce.empty(), [&](ChannelRequest& stored) {
    std::deque<ConversationState::Nonce>& nonces = book_.conversation(stored.conversation).nonces;
    while (!nonces.empty() && loop_.now() - nonces.front().at >= options_.nonce_time) {
      nonces.pop_front();
    }
    if (post.enforce_nonce && !post.nonce.empty()) {
      const auto first =
          std::find_if(nonces.begin(), nonces.end(), [&](const auto& n) { return n.nonce == post.nonce; });
      if (first != nonces.end()) {
        stored.outcome = ChannelOutcome::kDeduplicated;
        return json_response(200, first->message);
      }
    }
    const std::string made = message(post, snowflake());
    stored.outcome = ChannelOutcome::kAnswered;
    if (storing_) {
      book_.store(stored, key);
      stored.outcome = ChannelOutcome::kStored;
      if (!post.nonce.empty()) {
        nonces.push_back({post.nonce, made, loop_.now()});
      }
      if (nonces.size() > kNoncesKept) {
        nonces.pop_front();
      }
    }
    return post.wait ? json_response(200, made) : net::HttpResponse(204);
  });
  posting_ = nullptr;
  if (!answer.reset && answer.response.status < 429) {
    tell_limits(request, answer.response);
  }
  return answer;
}

// An opaque hash of the route alone; it does not depend on the channel or webhook.
std::string DiscordService::bucket_of(const ChannelRequest& request) const {
  return fmt::format("{:016x}", fnv1a(request.conversation == webhook_channel_ ? "execute webhook" : "create message"));
}

void DiscordService::tell_limits(const ChannelRequest& request, net::HttpResponse& response) {
  const DiscordLimits& limits = options_.limits;
  if (!limits.on || limits.bucket == 0) {
    return;
  }
  const Instant now = loop_.now();
  const CountedWindow& bucket = book_.conversation(request.conversation).bucket;
  const nanoseconds rest = bucket.rest(limits.bucket_time, now);
  response.headers.add("X-RateLimit-Limit", std::to_string(limits.bucket));
  response.headers.add("X-RateLimit-Remaining",
                       std::to_string(bucket.remaining(limits.bucket, limits.bucket_time, now)));
  response.headers.add("X-RateLimit-Reset",
                       three_decimals(loop_.wall_now().time_since_epoch() + rest + options_.reset_skew));
  response.headers.add("X-RateLimit-Reset-After", three_decimals(rest));
  response.headers.add("X-RateLimit-Bucket", bucket_of(request));
}

std::optional<RateLimited> DiscordService::reached_limit(const ChannelRequest& request) {
  const DiscordLimits& limits = options_.limits;
  if (!limits.on) {
    return std::nullopt;
  }
  const Instant now = loop_.now();
  constexpr nanoseconds kSecond = seconds{1};
  CountedWindow& global = posting_->by_webhook ? webhooks_global_ : bot_global_;
  ConversationState& state = book_.conversation(request.conversation);
  if (limits.global_per_second > 0 && global.remaining(limits.global_per_second, kSecond, now) == 0) {
    return RateLimited{
        .scope = Scope::kCredential, .form = Kind::kRateLimitedGlobal, .retry_after = global.rest(kSecond, now)};
  }
  if (limits.bucket > 0 && state.bucket.remaining(limits.bucket, limits.bucket_time, now) == 0) {
    return RateLimited{.retry_after = state.bucket.rest(limits.bucket_time, now)};
  }
  if (limits.hidden > 0 && state.hidden.remaining(limits.hidden, limits.hidden_time, now) == 0) {
    return RateLimited{.form = Kind::kRateLimitedHidden, .retry_after = state.hidden.rest(limits.hidden_time, now)};
  }
  global.take(kSecond, now);
  state.bucket.take(limits.bucket_time, now);
  state.hidden.take(limits.hidden_time, now);
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
  const std::string header = std::to_string(whole_seconds(wait));
  if (limited.form == Kind::kEdgeBan) {
    return net::HttpResponse(429, "error code: 1015",
                             {{"Content-Type", "text/plain; charset=UTF-8"}, {"Retry-After", header}});
  }
  const bool global = limited.form == Kind::kRateLimitedGlobal;
  const bool says_body = limited.form != Kind::kRateLimitedHeaderOnly && limited.form != Kind::kRateLimitedUnsaid &&
                         limited.form != Kind::kRateLimitedJunk;
  const bool says_header = limited.form != Kind::kRateLimitedBodyOnly && limited.form != Kind::kRateLimitedUnsaid;
  json::Writer json;
  json.object().key("message").text("You are being rate limited.");
  if (says_body) {
    json.key("retry_after").raw(three_decimals(wait));
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
    response.headers.add("X-RateLimit-Limit", std::to_string(options_.limits.bucket));
    response.headers.add("X-RateLimit-Remaining", "0");
    response.headers.add("X-RateLimit-Reset",
                         three_decimals(loop_.wall_now().time_since_epoch() + wait + options_.reset_skew));
    response.headers.add("X-RateLimit-Reset-After", three_decimals(wait));
    response.headers.add("X-RateLimit-Bucket", bucket_of(request));
  }
  response.headers.add("X-RateLimit-Scope", shared ? "shared" : "user");
  return response;
}

net::HttpResponse DiscordService::server_error(const ChannelRequest& /*request*/, bool /*stored*/) {
  return error_response(500, 0, "500: Internal Server Error");
}

net::HttpResponse DiscordService::refusal(const ChannelRequest& /*request*/, const ChannelFault& fault) {
  return error_response(fault.status, fault.code, fault.text);
}

ChannelAnswer DiscordService::play_own(ChannelRequest& request, const ChannelFault& fault, const Store& store) {
  switch (fault.kind) {
    case Kind::kStoreNothing: {
      if (posting_->wait) {  // With wait=true the client gets the message back, so the fake cannot pretend to store it.
        net::HttpResponse response = store(request);
        const ChannelOutcome outcome = request.outcome;
        return finish(request, outcome, std::move(response));
      }
      count(fault.kind);
      storing_ = false;
      net::HttpResponse response = store(request);
      storing_ = true;
      book_.lose(request);
      return finish(request, ChannelOutcome::kAnswered, std::move(response));
    }
    case Kind::kRotate:
      count(fault.kind);
      if (posting_->by_webhook) {
        rotate_webhook();
        book_.refuse_credential(request, true);
        return error(request, ChannelOutcome::kCredential, 404, 10015, "Unknown Webhook");
      }
      rotate_token({});
      book_.refuse_credential(request, true);
      return error(request, ChannelOutcome::kCredential, 401, 0, "401: Unauthorized");
    case Kind::kWebhookToken:
      if (!posting_->by_webhook) {
        no_such_fault(fault.kind);
      }
      count(fault.kind);
      webhook_.rotate(ids_.next(ids_.next({})));
      book_.rotated();
      if (options_.on_rotation) {
        options_.on_rotation(origin_ + "/api/v10" + webhook_path());
      }
      book_.refuse_credential(request, true);
      return error(request, ChannelOutcome::kCredential, 401, 50027, "Invalid Webhook Token");
    default:
      no_such_fault(fault.kind);
  }
}

}  // namespace soak::peers

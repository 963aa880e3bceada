// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/discord/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lib/json/writer.h"
#include "lib/peers/authorization.h"
#include "lib/peers/discord/agents.h"
#include "lib/peers/discord/errors.h"
#include "lib/peers/discord/user.h"
#include "lib/peers/json_response.h"
#include "lib/text/utf8.h"

namespace soak::peers {
namespace {

using Kind = ChannelFaultKind;
using std::chrono::milliseconds;

bool contains(const std::vector<std::string>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// A path for the log: what may be an id or a secret is "*".
std::string without_ids(const std::vector<std::string>& path) {
  std::string text;
  for (const std::string& segment : path) {
    const bool is_word = segment.find_first_not_of("abcdefghijklmnopqrstuvwxyz-@") == std::string::npos;
    text.append("/").append(is_word ? segment : "*");
  }
  return text;
}

}  // namespace

DiscordService::DiscordService(EventLoop& loop, DiscordPeerOptions options, std::uint64_t seed)
    : ChannelService(loop, "discord_peer", seed, options.faults, options.ledger),
      options_(std::move(options)),
      credential_(options_.token),
      webhook_channel_(snowflake()),
      webhook_id_(snowflake()),
      webhook_(ids_.next(ids_.next({}))),
      messages_(options_.ledger.messages_kept) {}

bool DiscordService::Call::is_send() const {
  return route != nullptr &&
         (route->serve == &DiscordService::create_message || route->serve == &DiscordService::execute_webhook);
}

bool DiscordService::is_send(const net::HttpServerRequest& head) {
  ChannelRequest request;
  net::HttpServerRequest http;
  http.method = head.method;
  http.path = head.path;
  Call call{request, http};
  find_route(call);
  return call.is_send();
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

void DiscordService::forget_webhook() {
  constexpr std::size_t kDeletedKept = 64;
  if (!contains(deleted_webhooks_, webhook_id_)) {
    deleted_webhooks_.push_back(webhook_id_);
  }
  if (deleted_webhooks_.size() > kDeletedKept) {
    deleted_webhooks_.erase(deleted_webhooks_.begin());
  }
}

void DiscordService::rotate_webhook() {
  forget_webhook();
  webhook_id_ = snowflake();
  webhook_.rotate(ids_.next(ids_.next({})));
  book_.rotated();
  if (options_.on_rotation) {
    options_.on_rotation(origin_ + "/api/v10" + webhook_path());
  }
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

ChannelAnswer DiscordService::error(ChannelRequest& request, ChannelOutcome outcome, int status, int code,
                                    std::string_view message) {
  return finish(request, outcome, discord_error(status, code, message));
}

ChannelAnswer DiscordService::unauthorized(ChannelRequest& request, std::string_view token) {
  book_.refuse_credential(request, credential_.standing(token) == Credential::Standing::kOutdated);
  return error(request, ChannelOutcome::kCredential, 401, 0, "401: Unauthorized");
}

bool DiscordService::knows(std::string_view channel) const {
  return options_.channels.empty() ? is_snowflake(channel) : contains(options_.channels, channel);
}

ChannelAnswer DiscordService::answer(net::HttpServerRequest http) {
  ChannelRequest request;
  request.connection = http.connection;
  Call call{request, http};
  find_route(call);
  call_ = &call;
  ChannelAnswer answer = route(call);
  call_ = nullptr;
  if (!answer.reset) {
    count_invalid(request, answer.response);
  }
  return answer;
}

ChannelAnswer DiscordService::route(Call& call) {
  ChannelRequest& request = call.request;
  const std::optional<net::HttpResponse> edge =
      refuse_agent(options_.check_user_agent, call.http.headers.get("user-agent"), call.is_webhook());
  if (!edge && call.route != nullptr) {
    if (!call.is_send()) {
      request.limit = fmt::format("{} {}", call.route->method, call.route->path);
      if (call.path[0] == "channels" && knows(call.ids[0])) {
        request.limit.replace(request.limit.find('*'), 1, call.ids[0]);
      }
    }
    return call.route->access == Access::kBot ? serve_bot(call) : serve_webhook(call);
  }
  const auto inside = book_.arrive(request);
  if (inside && inside->scope == Scope::kAddress) {
    return turn_away(request, *inside);
  }
  if (edge) {
    return finish(request, ChannelOutcome::kRefused, *edge);
  }
  if (!call.is_known_version && !call.path.empty()) {
    // Discord serves a path without a version as version 6, where Retry-After is in milliseconds. Discord hands out
    // such URLs for webhooks alone; no bot should rely on it, so the fake refuses it.
    return error(request, ChannelOutcome::kRefused, 400, 50041, "Invalid API version provided");
  }
  if (call.is_known_path) {
    return error(request, ChannelOutcome::kRefused, 405, 0, "405: Method Not Allowed");
  }
  if (!call.path.empty()) {
    notices_.unknown(fmt::format("{} {}", call.http.method, without_ids(call.path)));
  }
  return error(request, ChannelOutcome::kRefused, 404, 0, "404: Not Found");
}

ChannelAnswer DiscordService::serve_bot(Call& call) {
  ChannelRequest& request = call.request;
  const std::string authorization = call.http.headers.get("authorization");
  const std::string_view token = credentials(authorization, "bot");
  request.credential = token.empty() ? 0 : credential_.generation(token);
  const bool is_in_channel = call.path[0] == "channels";
  const bool is_known = !is_in_channel || knows(call.ids[0]);
  if (is_in_channel && is_known && call.is_send()) {
    request.conversation = call.ids[0];
  }
  const bool is_valid = !token.empty() && credential_.standing(token) == Credential::Standing::kValid;
  if (is_valid && is_known) {
    return (this->*call.route->serve)(call);
  }
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
  const std::string& channel = call.ids[0];
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

std::string DiscordService::webhook_conversation(const Call& call) const {
  Arguments query;
  query.add_form(call.http.query);
  const std::string_view thread = query.text("thread_id");
  return thread.empty() ? webhook_channel_ : std::string(thread);
}

ChannelAnswer DiscordService::serve_webhook(Call& call) {
  ChannelRequest& request = call.request;
  const std::string& id = call.ids[0];
  const bool is_deleted = contains(deleted_webhooks_, id);
  const bool is_ours = id == webhook_id_ && !is_deleted;
  const auto standing = webhook_.standing(call.ids[1]);
  request.credential = webhook_.generation(call.ids[1]);
  const std::string conversation = webhook_conversation(call);
  const bool is_thread = conversation != webhook_channel_;
  const bool is_known = !is_thread || knows(conversation);
  if ((is_ours || is_deleted) && is_known && call.is_send()) {
    request.conversation = conversation;
  }
  const bool is_valid = is_ours && standing == Credential::Standing::kValid;
  if (is_valid && is_known) {
    return (this->*call.route->serve)(call);
  }
  const auto inside = book_.arrive(request);
  if (inside && inside->scope == Scope::kAddress) {
    return turn_away(request, *inside);
  }
  if (!is_valid) {
    book_.refuse_credential(request, is_deleted || standing == Credential::Standing::kOutdated);
  }
  if (!is_ours) {
    return error(request, ChannelOutcome::kCredential, 404, 10015, "Unknown Webhook");
  }
  if (!is_valid) {
    return error(request, ChannelOutcome::kCredential, 401, 50027, "Invalid Webhook Token");
  }
  if (is_snowflake(conversation)) {
    return error(request, ChannelOutcome::kRefused, 404, 10003, "Unknown Channel");
  }
  return finish(request, ChannelOutcome::kRefused,
                invalid_form("thread_id", "NUMBER_TYPE_COERCE",
                             fmt::format("Value \"{}\" is not snowflake.", excerpt(conversation))));
}

ChannelAnswer DiscordService::serve(Call& call, const Respond& respond) {
  ChannelAnswer answer = serve_call(call.request, respond);
  if (answer.response.status < 429) {
    tell_limits(call.request, answer.response);
  }
  return answer;
}

std::string DiscordService::webhook_json() const {
  json::Writer json;
  json.object().key("id").text(webhook_id_).key("type").integer(1).key("name").text(webhook_name_);
  json.key("avatar").null().key("channel_id").text(webhook_channel_).key("guild_id").text(kDiscordGuild);
  json.key("application_id").null().key("token").text(webhook_.current()).end_object();
  return json.take();
}

ChannelAnswer DiscordService::get_webhook(Call& call) {
  return serve(call, [&](ChannelRequest&) { return json_response(200, webhook_json()); });
}

ChannelAnswer DiscordService::modify_webhook(Call& call) {
  Arguments arguments;
  std::optional<net::HttpResponse> wrong = read_body(parser_, call.http, arguments);
  if (!wrong && arguments.contains("name")) {
    wrong = webhook_name_problem("name", arguments.text("name"));
  }
  note_not_played("Modify Webhook with Token", arguments, {"avatar"});
  return serve(call, [&](ChannelRequest& request) {
    if (wrong) {
      request.outcome = ChannelOutcome::kRefused;
      return *wrong;
    }
    if (arguments.contains("name")) {
      webhook_name_ = arguments.text("name");
    }
    return json_response(200, webhook_json());
  });
}

ChannelAnswer DiscordService::delete_webhook(Call& call) {
  return serve(call, [&](ChannelRequest&) {
    forget_webhook();
    return net::HttpResponse(204);
  });
}

ChannelAnswer DiscordService::get_me(Call& call) {
  return serve(call, [](ChannelRequest&) {
    json::Writer json;
    json.object();
    write_user_members(json, kDiscordBot, "soak", DiscordUserKind::kBot);
    json.key("mfa_enabled")
        .boolean(false)
        .key("verified")
        .boolean(true)
        .key("email")
        .null()
        .key("flags")
        .integer(0)
        .end_object();
    return json_response(200, json.take());
  });
}

ChannelAnswer DiscordService::get_application(Call& call) {
  return serve(call, [](ChannelRequest&) {
    json::Writer json;
    json.object().key("id").text(kDiscordBot).key("name").text("soak").key("icon").null();
    json.key("description").text("").key("summary").text("").key("bot_public").boolean(true);
    json.key("bot_require_code_grant").boolean(false).key("flags").integer(0).key("team").null();
    json.key("verify_key").text(std::string(64, '0')).key("owner");
    write_user(json, kDiscordOwner, "owner", DiscordUserKind::kHuman);
    json.end_object();
    return json_response(200, json.take());
  });
}

ChannelAnswer DiscordService::get_channel(Call& call) {
  return serve(call, [&](ChannelRequest&) {
    json::Writer json;
    json.object().key("id").text(call.ids[0]).key("type").integer(0).key("guild_id").text(kDiscordGuild);
    json.key("name").text("channel-" + call.ids[0]).key("position").integer(0).key("permission_overwrites").raw("[]");
    json.key("nsfw").boolean(false).key("topic").null().key("last_message_id");
    std::string last;
    for (const DiscordMessage& message : messages_.all()) {
      if (message.conversation == call.ids[0]) {
        last = message.id;
      }
    }
    json.text_or_null(last).key("rate_limit_per_user").integer(0).key("parent_id").null().end_object();
    return json_response(200, json.take());
  });
}

ChannelAnswer DiscordService::trigger_typing(Call& call) {
  return serve(call, [](ChannelRequest&) { return net::HttpResponse(204); });
}

net::HttpResponse DiscordService::server_error(const ChannelRequest& /*request*/, bool /*stored*/) {
  return discord_error(500, 0, "500: Internal Server Error");
}

net::HttpResponse DiscordService::refusal(const ChannelRequest& /*request*/, const ChannelFault& fault) {
  return discord_error(fault.status, fault.code, fault.text);
}

ChannelAnswer DiscordService::play_own(ChannelRequest& request, const ChannelFault& fault, const Store& store) {
  switch (fault.kind) {
    case Kind::kStoreNothing: {
      if (call_->waits) {  // With wait=true the client gets the message back, so the fake cannot pretend to store it.
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
      if (call_->is_webhook()) {
        rotate_webhook();
        book_.refuse_credential(request, true);
        return error(request, ChannelOutcome::kCredential, 404, 10015, "Unknown Webhook");
      }
      rotate_token({});
      book_.refuse_credential(request, true);
      return error(request, ChannelOutcome::kCredential, 401, 0, "401: Unauthorized");
    case Kind::kWebhookToken:
      if (!call_->is_webhook()) {
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

// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/telegram/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "lib/json/writer.h"
#include "lib/text/ascii.h"
#include "lib/text/number.h"
#include "lib/text/utf8.h"

namespace soak::peers {
namespace {

using Kind = ChannelFaultKind;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::size_t kTextMax = 4096;
constexpr std::size_t kUpdatesKept = 100;
constexpr std::int64_t kUpdatesMax = 100;     // Per response.
constexpr std::int64_t kPollSecondsMax = 50;  // github.com/tdlib/telegram-bot-api/issues/562
constexpr seconds kConflictDelay{3};

constexpr std::string_view kConflict =
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
constexpr std::string_view kUpgraded = "Bad Request: group chat was upgraded to a supergroup chat";
constexpr std::string_view kBlocked = "Forbidden: bot was blocked by the user";

// "<bot id>:<secret>". The bounds are those of the server's ClientManager::send().
bool is_well_formed(std::string_view token) {
  constexpr std::size_t kLengthMax = 80;
  constexpr std::int64_t kBotIdEnd = std::int64_t{1} << 54;
  const std::size_t colon = token.find(':');
  if (colon == std::string_view::npos || colon + 1 == token.size() || token.size() > kLengthMax) {
    return false;
  }
  const std::optional<std::int64_t> id = text::parse_number<std::int64_t>(token.substr(0, colon));
  const auto is_secret = [](char c) { return text::is_letter_or_digit(c) || c == '_' || c == '-'; };
  return token[0] != '0' && id && *id > 0 && *id < kBotIdEnd &&
         std::all_of(token.begin() + static_cast<std::ptrdiff_t>(colon) + 1, token.end(), is_secret);
}

net::HttpResponse json_response(int status, std::string body) {
  return net::HttpResponse(status, std::move(body), {{"Content-Type", "application/json"}});
}

std::string error_body(int code, std::string_view description, std::string_view parameters = {}) {
  json::Writer json;
  json.object().key("ok").boolean(false).key("error_code").integer(code).key("description").text(description);
  if (!parameters.empty()) {
    json.key("parameters").raw(parameters);
  }
  return json.end_object().take();
}

net::HttpResponse ok(std::string_view result) {
  return json_response(200, fmt::format(R"({{"ok":true,"result":{}}})", result));
}

bool is_group(std::string_view chat) { return !chat.empty() && (chat[0] == '-' || chat[0] == '@'); }

void write_chat(json::Writer& json, const std::string& chat) {
  json.object();
  if (chat[0] == '@') {  // A public channel or supergroup. Its id is a hash of its name.
    json.key("id").integer(-1'000'000'000'000 - static_cast<std::int64_t>(whole_text_key(chat).key % 1'000'000'000));
    json.key("title").text(chat.substr(1)).key("username").text(chat.substr(1)).key("type").text("supergroup");
  } else if (chat[0] == '-') {
    json.key("id").raw(chat).key("title").text("Chat " + chat);
    json.key("type").text(chat.starts_with("-100") ? "supergroup" : "group");
  } else {
    json.key("id").raw(chat).key("first_name").text("User " + chat).key("type").text("private");
  }
  json.end_object();
}

// The call that a path names: "/bot<token>/<method>", or "/bot<token>/test/<method>".
struct Call {
  bool under_bot = false;
  std::string token;
  std::string method;  // In lower case.
};

Call call_of(std::string_view path) {
  Call call;
  const std::vector<std::string> segments = path_segments(path);
  if (segments.empty() || !segments[0].starts_with("bot")) {
    return call;
  }
  call.under_bot = true;
  call.token = segments[0].substr(3);
  const std::size_t method = segments.size() > 1 && segments[1] == "test" ? 2 : 1;
  if (segments.size() == method + 1) {
    call.method = text::to_lower(segments[method]);
  }
  return call;
}

}  // namespace

TelegramService::TelegramService(EventLoop& loop, TelegramPeerOptions options, std::uint64_t seed)
    : ChannelService(loop, "telegram_peer", seed, options.faults, options.ledger),
      options_(std::move(options)),
      credential_(options_.token) {}

bool TelegramService::is_send(const net::HttpServerRequest& head) { return call_of(head.path).method == "sendmessage"; }

void TelegramService::rotate_token(std::string token) {
  if (token.empty()) {
    const std::string& before = credential_.current().empty() ? bot_id_ : credential_.current();
    token = before.substr(0, before.find(':'));
    if (token.empty()) {
      token = "1";
    }
    token += ids_.next(":AA") + ids_.next("-").substr(0, 12);
  }
  credential_.rotate(std::move(token));
  book_.rotated();
  if (options_.on_rotation) {
    options_.on_rotation(credential_.current());
  }
}

void TelegramService::post_text(std::int64_t chat, std::string_view text) {
  const std::string id = std::to_string(chat);
  json::Writer json;
  json.object().key("update_id").integer(++updates_made_).key("message").object();
  json.key("message_id").integer(++messages_);
  json.key("from").object().key("id").integer(std::abs(chat)).key("is_bot").boolean(false);
  json.key("first_name").text("User " + id).end_object();
  json.key("chat");
  write_chat(json, id);
  const auto date = std::chrono::floor<seconds>(loop_.wall_now()).time_since_epoch().count();
  json.key("date").integer(date).key("text").text(text).end_object().end_object();
  if (updates_.size() >= kUpdatesKept) {
    updates_.pop_front();
  }
  updates_.push_back({updates_made_, json.take()});
  if (poll_ != nullptr) {
    poll_->wake.set();
  }
}

ChannelAnswer TelegramService::error(ChannelRequest& request, int code, std::string_view description) {
  const ChannelOutcome outcome = code == 401 ? ChannelOutcome::kCredential : ChannelOutcome::kRefused;
  return finish(request, outcome, json_response(code, error_body(code, description)));
}

bool TelegramService::knows(std::string_view chat) const {
  if (!options_.chats.empty()) {
    return std::find(options_.chats.begin(), options_.chats.end(), chat) != options_.chats.end();
  }
  if (chat[0] == '@') {
    return chat.size() > 1;
  }
  const auto id = text::parse_number<std::int64_t>(chat);
  return id && *id != 0;
}

std::string TelegramService::bot_user(bool whole) const {
  json::Writer json;
  json.object().key("id").raw(bot_id_.empty() ? "1" : bot_id_).key("is_bot").boolean(true);
  json.key("first_name").text("Soak").key("username").text("soak_bot");
  if (whole) {
    json.key("can_join_groups").boolean(true).key("can_read_all_group_messages").boolean(false);
    json.key("supports_inline_queries").boolean(false);
  }
  return json.end_object().take();
}

std::string TelegramService::message(const std::string& chat, std::string_view text) {
  json::Writer json;
  json.object().key("message_id").integer(++messages_).key("from").raw(bot_user(false)).key("chat");
  write_chat(json, chat);
  const auto date = std::chrono::floor<seconds>(loop_.wall_now()).time_since_epoch().count();
  json.key("date").integer(date).key("text").text(text);
  return json.end_object().take();
}

Task<ChannelAnswer> TelegramService::answer(net::HttpServerRequest http) {
  ChannelRequest request;
  request.connection = http.connection;
  const Call call = call_of(http.path);
  request.credential = is_well_formed(call.token) ? credential_.generation(call.token) : 0;

  Arguments arguments;
  arguments.add_form(http.query);
  bool parsed = true;
  if (http.method == "POST" && !http.body.empty()) {
    const ContentType type = content_type(http.headers);
    if (type.type == BodyType::kForm) {
      arguments.add_form(http.body);
    }
    if (type.type == BodyType::kMultipart) {
      parsed = arguments.add_multipart(http.body, type.boundary);
    }
    if (type.type == BodyType::kJson) {
      try {
        arguments.add_json(parser_, std::move(http.body));
      } catch (const Refusal&) {
        parsed = false;
      }
    }
  }
  const std::string method = call.method.empty() ? text::to_lower(arguments.text("method")) : call.method;

  const bool allowed = http.method == "GET" || http.method == "POST";
  const bool well_formed = is_well_formed(call.token);
  const auto standing = well_formed ? credential_.standing(call.token) : Credential::Standing::kUnknown;
  if (standing == Credential::Standing::kValid) {
    bot_id_ = call.token.substr(0, call.token.find(':'));
  }
  if (allowed && call.under_bot && standing == Credential::Standing::kValid && parsed && method == "sendmessage") {
    co_return send_message(request, arguments);
  }

  const std::optional<ChannelBook::Refused> refused = book_.arrive(request);
  if (!allowed) {
    co_return error(request, 405, "Method Not Allowed");
  }
  if (!call.under_bot) {
    co_return error(request, 404, "Not Found");
  }
  if (standing != Credential::Standing::kValid) {
    book_.refuse_credential(request, standing == Credential::Standing::kOutdated);
    if (well_formed) {
      co_return error(request, 401, "Unauthorized");
    }
    const bool is_401 = options_.malformed_token_status == 401;
    const std::string_view description = is_401 ? "Unauthorized: invalid token specified" : "Not Found";
    const net::HttpResponse response =
        json_response(options_.malformed_token_status, error_body(options_.malformed_token_status, description));
    co_return finish(request, ChannelOutcome::kCredential, response);
  }
  if (refused) {
    co_return turn_away(request, *refused);
  }
  if (!parsed) {
    co_return error(request, 400, "Bad Request: can't parse the request body");
  }
  if (method.empty()) {
    co_return error(request, 404, "Not Found");
  }
  if (method == "getme") {
    co_return finish(request, ChannelOutcome::kAnswered, ok(bot_user(true)));
  }
  if (method == "deletewebhook") {
    co_return finish(request, ChannelOutcome::kAnswered, ok("true"));
  }
  if (method == "getupdates") {
    // g++ 12 needs a name here: `co_return co_await ...` is one expression.
    ChannelAnswer updates = co_await get_updates(request, arguments);
    co_return updates;
  }
  co_return error(request, 404, "Not Found: method not found");
}

ChannelAnswer TelegramService::send_message(ChannelRequest& request, const Arguments& arguments) {
  std::string chat(text::trim(arguments.text("chat_id"), text::kWhiteSpace));
  if (const auto id = text::parse_number<std::int64_t>(chat)) {
    chat = std::to_string(*id);  // 007 is chat 7.
  }
  const bool readable = arguments.is_utf8();
  const bool known = readable && !chat.empty() && knows(chat);
  if (known) {
    request.conversation = chat;
  }
  const std::string text(arguments.text("text"));
  const MessageKey key = options_.ledger.key_of(text);
  request.key = key.key;
  if (const auto refused = book_.arrive(request)) {
    return turn_away(request, *refused);
  }

  if (!readable) {
    return error(request, 400, "Bad Request: strings must be encoded in UTF-8");
  }
  if (chat.empty()) {
    return error(request, 400, "Bad Request: chat_id is empty");
  }
  if (!known) {
    return error(request, 400, "Bad Request: chat not found");
  }
  const text::Utf8Length length = text::utf8_length(text).value();
  if (text::trim(text, text::kWhiteSpace).empty()) {
    return error(request, 400, "Bad Request: message text is empty");
  }
  if ((options_.length_in_utf16 ? length.utf16_units : length.characters) > kTextMax) {
    return error(request, 400, "Bad Request: message is too long");
  }
  const std::string_view mode = arguments.text("parse_mode");
  if (!mode.empty() && text::to_lower(mode) != "html" && text::to_lower(mode) != "markdown" &&
      text::to_lower(mode) != "markdownv2") {
    return error(request, 400, "Bad Request: unsupported parse_mode");
  }
  const std::string_view markup = arguments.text("reply_markup");
  if (!markup.empty() && !is_object(parser_, markup)) {
    return error(request, 400, "Bad Request: can't parse reply keyboard markup JSON object");
  }

  const ConversationState& state = book_.conversation(chat);
  if (state.blocked) {
    return error(request, 403, kBlocked);
  }
  if (!state.migrated_to.empty()) {
    const std::string parameters = fmt::format(R"({{"migrate_to_chat_id":{}}})", state.migrated_to);
    return finish(request, ChannelOutcome::kRefused, json_response(400, error_body(400, kUpgraded, parameters)));
  }
  return serve_send(request, false, [&](ChannelRequest& stored) {
    book_.store(stored, key);
    stored.outcome = ChannelOutcome::kStored;
    return ok(message(chat, text));
  });
}

Task<ChannelAnswer> TelegramService::get_updates(ChannelRequest& request, const Arguments& arguments) {
  ++book_.ledger().polls;
  const ChannelFault fault = take_fault(true);
  switch (fault.kind) {
    case Kind::kNone:
      break;
    case Kind::kConflict:
      count(fault.kind);
      co_await sleep_for(kConflictDelay);
      co_return error(request, 409, kConflict);
    case Kind::kNeverAnswer:
      count(fault.kind);
      co_await sleep_for(fault.lasts);
      co_return finish_with_reset(request);
    case Kind::kBadGateway:
      count(fault.kind);
      co_return finish(request, ChannelOutcome::kFailed, proxy_page(502));
    case Kind::kServerError:
      count(fault.kind);
      co_return finish(request, ChannelOutcome::kFailed, server_error(request, false));
    default:
      no_such_fault(fault.kind);
  }

  std::int64_t offset = text::parse_number<std::int64_t>(arguments.text("offset")).value_or(0);
  std::int64_t limit = text::parse_number<std::int64_t>(arguments.text("limit")).value_or(kUpdatesMax);
  if (limit < 1 || limit > kUpdatesMax) {
    limit = kUpdatesMax;
  }
  const std::int64_t timeout = std::clamp(text::parse_number<std::int64_t>(arguments.text("timeout")).value_or(0),
                                          std::int64_t{0}, kPollSecondsMax);
  if (offset < 0) {
    offset = std::max(updates_made_ + 1 + offset, std::int64_t{0});
  }
  while (!updates_.empty() && updates_.front().id < offset) {
    updates_.pop_front();
  }

  if (poll_ != nullptr) {
    poll_->superseded = true;
    poll_->wake.set();
  }
  Poll poll(*this);
  poll_ = &poll;
  if (updates_.empty() && timeout > 0) {
    const Instant until = loop_.now() + seconds{timeout};
    co_await poll.wake.wait_until(until);
  }
  if (poll.superseded) {
    co_return error(request, 409, kConflict);
  }
  std::string result = "[";
  for (std::size_t i = 0; i < std::min(updates_.size(), static_cast<std::size_t>(limit)); ++i) {
    if (i > 0) {
      result += ',';
    }
    result += updates_[i].json;
  }
  result += ']';
  co_return finish(request, ChannelOutcome::kAnswered, ok(result));
}

std::optional<RateLimited> TelegramService::reached_limit(const ChannelRequest& request) {
  const TelegramLimits& limits = options_.limits;
  if (!limits.on) {
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
  net::HttpResponse response = json_response(429, error_body(429, description, parameters));
  if (!header.empty()) {
    response.headers.add(header_name, header);
  }
  return response;
}

net::HttpResponse TelegramService::server_error(const ChannelRequest& /*request*/, bool /*stored*/) {
  return json_response(500, error_body(500, "Internal Server Error: restart"));
}

net::HttpResponse TelegramService::refusal(const ChannelRequest& /*request*/, const ChannelFault& fault) {
  return json_response(fault.status, error_body(fault.status, fault.text));
}

ChannelAnswer TelegramService::play_own(ChannelRequest& request, const ChannelFault& fault, const Store& /*store*/) {
  switch (fault.kind) {
    case Kind::kMigrate: {
      count(fault.kind);
      std::string to = request.conversation.substr(request.conversation.find_first_not_of("-@"));
      if (!text::parse_number<std::int64_t>(to)) {
        to = std::to_string(whole_text_key(to).key % 1'000'000'000);
      }
      to.insert(0, "-100");
      // One chat under both ids: its order and its limits go on.
      ConversationState moved = book_.conversation(request.conversation);
      book_.conversation(request.conversation).migrated_to = to;
      book_.conversation(to) = std::move(moved);
      if (!options_.chats.empty()) {
        options_.chats.push_back(to);
      }
      const std::string parameters = fmt::format(R"({{"migrate_to_chat_id":{}}})", to);
      return finish(request, ChannelOutcome::kRefused, json_response(400, error_body(400, kUpgraded, parameters)));
    }
    case Kind::kBlock:
      count(fault.kind);
      book_.conversation(request.conversation).blocked = true;
      return error(request, 403, kBlocked);
    case Kind::kRotate:
      count(fault.kind);
      rotate_token({});
      book_.refuse_credential(request, true);
      return error(request, 401, "Unauthorized");
    default:
      no_such_fault(fault.kind);
  }
}

}  // namespace soak::peers

// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/telegram/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/peers/telegram/responses.h"
#include "lib/text/ascii.h"
#include "lib/text/number.h"

namespace soak::peers {
namespace {

using std::chrono::seconds;

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

// The service tries a webhook again "a reasonable amount of attempts".
std::vector<std::chrono::nanoseconds> delivery_waits() {
  std::vector<std::chrono::nanoseconds> waits;
  for (int i = 0; i < 10; ++i) {
    waits.push_back(std::min(seconds{1 << i}, seconds{60}));
  }
  return waits;
}

}  // namespace

// The methods that the fake has, in lower case, as the server compares them (core.telegram.org/bots/api). getUpdates is
// apart: it is the only one that waits.
const TelegramService::Method TelegramService::kMethods[] = {
    {"deletemessage", &TelegramService::delete_message},
    {"deletemycommands", &TelegramService::delete_my_commands},
    {"deletewebhook", &TelegramService::delete_webhook},
    {"editmessagetext", &TelegramService::edit_message_text},
    {"getchat", &TelegramService::get_chat},
    {"getme", &TelegramService::get_me},
    {"getmycommands", &TelegramService::get_my_commands},
    {"getwebhookinfo", &TelegramService::get_webhook_info},
    {"sendchataction", &TelegramService::send_chat_action},
    {"sendmessage", &TelegramService::send_message},
    {"setmessagereaction", &TelegramService::set_message_reaction},
    {"setmycommands", &TelegramService::set_my_commands},
    {"setwebhook", &TelegramService::set_webhook},
};

TelegramService::TelegramService(EventLoop& loop, TelegramPeerOptions options, std::uint64_t seed)
    : ChannelService(loop, "telegram_peer", seed, options.faults, options.ledger),
      options_(std::move(options)),
      credential_(options_.token),
      messages_(options_.ledger.messages_kept),
      deliveries_(loop, "telegram_peer", {.waits = delivery_waits()}) {}

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

std::int64_t TelegramService::unix_time() const {
  return std::chrono::floor<seconds>(loop_.wall_now()).time_since_epoch().count();
}

ChannelAnswer TelegramService::error(ChannelRequest& request, int code, std::string_view description) {
  const ChannelOutcome outcome = code == 401 ? ChannelOutcome::kCredential : ChannelOutcome::kRefused;
  return finish(request, outcome, telegram_error(code, description));
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
  if (allowed && call.under_bot && standing == Credential::Standing::kValid && parsed) {
    const auto* const known =
        std::find_if(std::begin(kMethods), std::end(kMethods), [&](const Method& row) { return row.name == method; });
    if (known != std::end(kMethods)) {
      co_return (this->*known->serve)(request, arguments);
    }
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
    const net::HttpResponse response = telegram_error(options_.malformed_token_status, description);
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
  if (method == "getupdates") {
    // g++ 12 needs a name here: `co_return co_await ...` is one expression.
    ChannelAnswer updates = co_await get_updates(request, arguments);
    co_return updates;
  }
  notices_.unknown(method);
  co_return error(request, 404, "Not Found: method not found");
}

net::HttpResponse TelegramService::server_error(const ChannelRequest& /*request*/, bool /*stored*/) {
  return telegram_error(500, "Internal Server Error: restart");
}

net::HttpResponse TelegramService::refusal(const ChannelRequest& /*request*/, const ChannelFault& fault) {
  return telegram_error(fault.status, fault.text);
}

}  // namespace soak::peers

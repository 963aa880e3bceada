// SPDX-License-Identifier: Apache-2.0
// How updates reach a bot: getUpdates, or its webhook.

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "lib/json/writer.h"
#include "lib/peers/json_response.h"
#include "lib/peers/telegram/responses.h"
#include "lib/peers/telegram/service.h"
#include "lib/text/ascii.h"
#include "lib/text/number.h"

namespace soak::peers {
namespace {

using Kind = ChannelFaultKind;
using std::chrono::seconds;

constexpr std::size_t kUpdatesKept = 100;
constexpr std::int64_t kUpdatesMax = 100;     // Per response.
constexpr std::int64_t kPollSecondsMax = 50;  // github.com/tdlib/telegram-bot-api/issues/562
constexpr seconds kConflictDelay{3};

constexpr std::string_view kConflict =
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";

}  // namespace

std::string TelegramService::post(const IncomingMessage& incoming) {
  const auto chat = text::parse_number<std::int64_t>(incoming.conversation);
  // Without a user it is one whose id is like the chat's: in a private chat the two are the same.
  const auto user = incoming.from.empty() ? chat : text::parse_number<std::int64_t>(incoming.from);
  if (!chat || *chat == 0 || !user || *user == 0 || !knows(incoming.conversation)) {
    return {};
  }
  TelegramMessage message;
  message.conversation = std::to_string(*chat);
  message.id = std::to_string(++messages_made_);
  message.by_user = std::to_string(std::abs(*user));
  message.date = unix_time();
  message.body.text = incoming.text;
  add_found_entities(message.body);
  json::Writer json;
  json.object().key("update_id").integer(++updates_made_).key("message").raw(json_of(message)).end_object();
  const std::string id = message.id;
  messages_.add(std::move(message));
  if (!webhook_.url.empty()) {
    deliver(json.take());
    return id;
  }
  if (updates_.size() >= kUpdatesKept) {
    updates_.pop_front();
  }
  updates_.push_back({updates_made_, json.take()});
  if (poll_ != nullptr) {
    poll_->wake.set();
  }
  return id;
}

void TelegramService::deliver(std::string update) {
  net::HttpRequest request("POST", webhook_.url, std::move(update), json_headers());
  if (!webhook_.secret.empty()) {
    request.headers.add("X-Telegram-Bot-Api-Secret-Token", webhook_.secret);
  }
  deliveries_.add(std::move(request));
}

ChannelAnswer TelegramService::set_webhook(ChannelRequest& request, const Arguments& arguments) {
  constexpr std::size_t kSecretMax = 256;
  const std::string_view url = arguments.text("url");
  const std::string_view secret = arguments.text("secret_token");
  const bool is_secret = secret.size() <= kSecretMax && std::all_of(secret.begin(), secret.end(), [](char c) {
                           return text::is_letter_or_digit(c) || c == '_' || c == '-';
                         });
  note_not_played("setWebhook", arguments, {"allowed_updates", "certificate", "ip_address", "max_connections"});
  return serve_call(request, [&](ChannelRequest& served) {
    served.outcome = ChannelOutcome::kRefused;
    if (!is_secret) {
      return telegram_error(400, "Bad Request: secret token contains unallowed characters");
    }
    if (!url.empty() && !Deliveries::reaches(url)) {
      // The service takes https: URLs of public addresses alone; a fake takes those of this machine alone.
      return telegram_error(
          400, "Bad Request: bad webhook: this fake delivers to http: and https: URLs of loopback addresses only");
    }
    served.outcome = ChannelOutcome::kAnswered;
    if (arguments.truth("drop_pending_updates")) {
      updates_.clear();
    }
    webhook_ = {std::string(url), std::string(secret)};
    while (!webhook_.url.empty() && !updates_.empty()) {
      deliver(std::move(updates_.front().json));
      updates_.pop_front();
    }
    return telegram_ok("true");
  });
}

ChannelAnswer TelegramService::delete_webhook(ChannelRequest& request, const Arguments& arguments) {
  return serve_call(request, [&](ChannelRequest&) {
    if (arguments.truth("drop_pending_updates")) {
      updates_.clear();
    }
    webhook_ = {};
    return telegram_ok("true");
  });
}

ChannelAnswer TelegramService::get_webhook_info(ChannelRequest& request, const Arguments& /*arguments*/) {
  return serve_call(request, [&](ChannelRequest&) {
    json::Writer json;
    json.object().key("url").text(webhook_.url).key("has_custom_certificate").boolean(false);
    json.key("pending_update_count").integer(updates_.size() + deliveries_.waiting());
    if (!deliveries_.last_error().empty()) {
      json.key("last_error_message").text(deliveries_.last_error());
    }
    return telegram_ok(json.end_object().take());
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

  if (!webhook_.url.empty()) {
    co_return error(request, 409,
                    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the "
                    "webhook first");
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
  co_return finish(request, ChannelOutcome::kAnswered, telegram_ok(result));
}

}  // namespace soak::peers

// SPDX-License-Identifier: Apache-2.0
// The methods that tell of the bot and of chats, and those that only show something in a chat.

#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/json/writer.h"
#include "lib/peers/telegram/responses.h"
#include "lib/peers/telegram/service.h"
#include "lib/text/ascii.h"
#include "lib/text/utf8.h"

namespace soak::peers {
namespace {

constexpr std::string_view kActions[] = {"typing",        "upload_photo",      "record_video",     "upload_video",
                                         "record_voice",  "upload_voice",      "upload_document",  "choose_sticker",
                                         "find_location", "record_video_note", "upload_video_note"};

// The error for this list of commands; empty if it is as documented.
std::string commands_problem(const json::Value& list) {
  constexpr std::size_t kCommandsMax = 100;
  constexpr std::size_t kCommandMax = 32;
  constexpr std::size_t kDescriptionMax = 256;
  if (!list.IsArray()) {
    return "Bad Request: can't parse commands JSON object";
  }
  if (list.Size() > kCommandsMax) {
    return "Bad Request: BOT_COMMANDS_TOO_MUCH";
  }
  for (rapidjson::SizeType i = 0; i < list.Size(); ++i) {
    const std::string_view command = json::text_member(list[i], "command");
    const std::string_view description = json::text_member(list[i], "description");
    const bool is_command =
        !command.empty() && command.size() <= kCommandMax && std::all_of(command.begin(), command.end(), [](char c) {
          return (text::is_letter_or_digit(c) && !text::is_upper(c)) || c == '_';
        });
    if (!is_command) {
      return "Bad Request: BOT_COMMAND_INVALID";
    }
    const auto length = text::utf8_length(description);
    if (description.empty() || !length || length->characters > kDescriptionMax) {
      return "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID";
    }
  }
  return {};
}

std::string scope_of(const Arguments& arguments) {
  std::string scope(arguments.text("scope"));
  return scope.append("|").append(arguments.text("language_code"));
}

}  // namespace

std::string TelegramService::bot_user(bool whole) const {
  json::Writer json;
  json.object().key("id").raw(bot_id_.empty() ? "1" : bot_id_).key("is_bot").boolean(true);
  json.key("first_name").text("Soak").key("username").text("soak_bot");
  if (whole) {
    json.key("can_join_groups").boolean(true).key("can_read_all_group_messages").boolean(false);
    json.key("supports_inline_queries").boolean(false).key("can_connect_to_business").boolean(false);
    json.key("has_main_web_app").boolean(false);
  }
  return json.end_object().take();
}

ChannelAnswer TelegramService::get_me(ChannelRequest& request, const Arguments& /*arguments*/) {
  return serve_call(request, [&](ChannelRequest&) { return telegram_ok(bot_user(true)); });
}

ChannelAnswer TelegramService::with_chat(ChannelRequest& request, const Arguments& arguments,
                                         const std::function<net::HttpResponse(const std::string& chat)>& respond) {
  const std::string chat = chat_of(arguments);
  const std::string problem = chat_problem(arguments, chat);
  return serve_call(request, [&](ChannelRequest& served) {
    net::HttpResponse response = problem.empty() ? respond(chat) : telegram_error(400, problem);
    if (response.status != 200) {
      served.outcome = ChannelOutcome::kRefused;
    }
    return response;
  });
}

ChannelAnswer TelegramService::get_chat(ChannelRequest& request, const Arguments& arguments) {
  return with_chat(request, arguments, [](const std::string& chat) {
    json::Writer json;
    json.object();
    write_chat_members(json, chat);
    json.key("accent_color_id").integer(0).key("max_reaction_count").integer(11).key("accepted_gift_types").object();
    json.key("unlimited_gifts").boolean(true).key("limited_gifts").boolean(true).key("unique_gifts").boolean(true);
    json.key("premium_subscription").boolean(true).end_object();
    return telegram_ok(json.end_object().take());
  });
}

ChannelAnswer TelegramService::send_chat_action(ChannelRequest& request, const Arguments& arguments) {
  return with_chat(request, arguments, [&](const std::string&) {
    const bool is_known =
        std::find(std::begin(kActions), std::end(kActions), arguments.text("action")) != std::end(kActions);
    return is_known ? telegram_ok("true") : telegram_error(400, "Bad Request: wrong parameter action in request");
  });
}

ChannelAnswer TelegramService::set_my_commands(ChannelRequest& request, const Arguments& arguments) {
  return serve_call(request, [&](ChannelRequest& served) {
    std::string problem = "Bad Request: can't parse commands JSON object";
    const std::string list(arguments.text("commands"));
    read_json(parser_, list, [&](const json::Value& value) { problem = commands_problem(value); });
    if (!problem.empty()) {
      served.outcome = ChannelOutcome::kRefused;
      return telegram_error(400, problem);
    }
    constexpr std::size_t kScopesMax = 64;
    std::string scope = scope_of(arguments);
    if (commands_.size() < kScopesMax || commands_.contains(scope)) {
      commands_[std::move(scope)] = list;
    }
    return telegram_ok("true");
  });
}

ChannelAnswer TelegramService::get_my_commands(ChannelRequest& request, const Arguments& arguments) {
  return serve_call(request, [&](ChannelRequest&) {
    const auto set = commands_.find(scope_of(arguments));
    return telegram_ok(set == commands_.end() ? "[]" : set->second);
  });
}

ChannelAnswer TelegramService::delete_my_commands(ChannelRequest& request, const Arguments& arguments) {
  return serve_call(request, [&](ChannelRequest&) {
    commands_.erase(scope_of(arguments));
    return telegram_ok("true");
  });
}

}  // namespace soak::peers

// SPDX-License-Identifier: Apache-2.0
// The methods that send, edit and delete messages.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lib/json/writer.h"
#include "lib/peers/telegram/responses.h"
#include "lib/peers/telegram/service.h"
#include "lib/text/ascii.h"
#include "lib/text/number.h"
#include "lib/text/utf8.h"

namespace soak::peers {
namespace {

using Kind = ChannelFaultKind;

constexpr std::size_t kTextMax = 4096;
constexpr std::string_view kUpgraded = "Bad Request: group chat was upgraded to a supergroup chat";
constexpr std::string_view kBlocked = "Forbidden: bot was blocked by the user";

std::string normal_id(std::string_view text) {
  const auto id = text::parse_number<std::int64_t>(text::trim(text, text::kWhiteSpace));
  return id ? std::to_string(*id) : std::string();
}

}  // namespace

void write_chat_members(json::Writer& json, const std::string& chat) {
  if (chat[0] == '@') {  // A public channel or supergroup. Its id is a hash of its name.
    json.key("id").integer(-1'000'000'000'000 - static_cast<std::int64_t>(whole_text_key(chat).key % 1'000'000'000));
    json.key("title").text(chat.substr(1)).key("username").text(chat.substr(1)).key("type").text("supergroup");
  } else if (chat[0] == '-') {
    json.key("id").raw(chat).key("title").text("Chat " + chat);
    json.key("type").text(chat.starts_with("-100") ? "supergroup" : "group");
  } else {
    json.key("id").raw(chat).key("first_name").text("User " + chat).key("type").text("private");
  }
}

void write_chat(json::Writer& json, const std::string& chat) {
  json.object();
  write_chat_members(json, chat);
  json.end_object();
}

std::string TelegramService::json_of(const TelegramMessage& message, bool with_reply) {
  json::Writer json;
  json.object().key("message_id").raw(message.id).key("from");
  if (message.by_user.empty()) {
    json.raw(bot_user(false));
  } else {
    json.object().key("id").raw(message.by_user).key("is_bot").boolean(false);
    json.key("first_name").text("User " + message.by_user).end_object();
  }
  json.key("chat");
  write_chat(json, message.conversation);
  json.key("date").integer(message.date);
  if (message.edit_date != 0) {
    json.key("edit_date").integer(message.edit_date);
  }
  if (with_reply && !message.replies_to.empty()) {
    if (const TelegramMessage* const other = messages_.find(message.conversation, message.replies_to)) {
      json.key("reply_to_message").raw(json_of(*other, false));
    }
  }
  json.key("text").text(message.body.text);
  if (!message.body.entities.empty()) {
    json.key("entities");
    write_entities(json, message.body.entities);
  }
  if (!message.inline_keyboard.empty()) {
    json.key("reply_markup").raw(message.inline_keyboard);
  }
  return json.end_object().take();
}

std::string TelegramService::chat_of(const Arguments& arguments) {
  const std::string_view chat = text::trim(arguments.text("chat_id"), text::kWhiteSpace);
  const std::string id = normal_id(chat);  // 007 is chat 7.
  return id.empty() ? std::string(chat) : id;
}

std::string TelegramService::chat_problem(const Arguments& arguments, const std::string& chat) const {
  if (!arguments.is_utf8()) {
    return "Bad Request: strings must be encoded in UTF-8";
  }
  if (chat.empty()) {
    return "Bad Request: chat_id is empty";
  }
  return knows(chat) ? "" : "Bad Request: chat not found";
}

FormattedText TelegramService::formatted(const Arguments& arguments) {
  const std::string_view text = arguments.text("text");
  const std::string mode = text::to_lower(arguments.text("parse_mode"));
  FormattedText body;
  if (mode == "html") {
    body = parse_html(text);
  } else if (mode == "markdownv2") {
    body = parse_markdown_v2(text);
  } else if (mode == "markdown") {
    body = parse_markdown(text);
  } else if (!mode.empty()) {
    throw FormatError("unsupported parse_mode");
  } else {
    body.text = text;
    if (const Argument* const list = arguments.find("entities"); list != nullptr && !list->value.empty()) {
      bool is_json = false;
      read_json(parser_, list->value, [&](const json::Value& value) {
        is_json = true;
        body.entities = read_entities(text, value);
      });
      if (!is_json) {
        throw FormatError("can't parse entities JSON object");
      }
    }
  }
  clean(body);
  add_found_entities(body);
  if (text::trim(body.text, text::kWhiteSpace).empty()) {
    throw FormatError("message text is empty");
  }
  const text::Utf8Length length = text::utf8_length(body.text).value();
  if ((options_.length_in_utf16 ? length.utf16_units : length.characters) > kTextMax) {
    throw FormatError("message is too long");
  }
  return body;
}

std::string TelegramService::inline_keyboard(const Arguments& arguments) {
  const std::string_view markup = arguments.text("reply_markup");
  if (markup.empty()) {
    return {};
  }
  bool is_object = false;
  bool is_inline = false;
  read_json(parser_, markup, [&](const json::Value& value) {
    is_object = value.IsObject();
    is_inline = json::member(value, "inline_keyboard") != nullptr;
  });
  if (!is_object) {
    throw FormatError("can't parse reply keyboard markup JSON object");
  }
  return is_inline ? std::string(markup) : std::string();
}

std::string TelegramService::reply_target(const Arguments& arguments, const std::string& chat) {
  std::string id = normal_id(arguments.text("reply_to_message_id"));
  bool may_dangle = arguments.truth("allow_sending_without_reply");
  if (const Argument* const parameters = arguments.find("reply_parameters")) {
    read_json(parser_, parameters->value, [&](const json::Value& value) {
      if (const auto number = json::integer_member(value, "message_id")) {
        id = std::to_string(*number);
      }
      may_dangle = may_dangle || json::flag_member(value, "allow_sending_without_reply");
    });
  }
  if (id.empty() || id == "0" || messages_.find(chat, id) != nullptr) {
    return id == "0" ? std::string() : id;
  }
  if (!may_dangle) {
    throw FormatError("message to be replied not found");
  }
  return {};
}

ChannelAnswer TelegramService::send_message(ChannelRequest& request, const Arguments& arguments) {
  const std::string chat = chat_of(arguments);
  std::string problem = chat_problem(arguments, chat);
  if (problem.empty()) {
    request.conversation = chat;
  }
  TelegramMessage message;
  message.conversation = chat;
  message.body.text = arguments.text("text");
  if (problem.empty()) {
    try {
      message.body = formatted(arguments);
      message.inline_keyboard = inline_keyboard(arguments);
      message.replies_to = reply_target(arguments, chat);
    } catch (const FormatError& wrong) {
      problem = std::string("Bad Request: ") + wrong.what();
    }
  }
  const MessageKey key = key_of(message.body.text, {});
  request.key = key.key;
  if (const auto refused = book_.arrive(request)) {
    return turn_away(request, *refused);
  }
  if (!problem.empty()) {
    return error(request, 400, problem);
  }
  note_not_played("sendMessage", arguments,
                  {"allow_paid_broadcast", "business_connection_id", "direct_messages_topic_id",
                   "disable_web_page_preview", "link_preview_options", "message_effect_id", "message_thread_id",
                   "protect_content", "suggested_post_parameters"});

  const ConversationState& state = book_.conversation(chat);
  if (state.blocked) {
    return error(request, 403, kBlocked);
  }
  if (!state.migrated_to.empty()) {
    const std::string parameters = fmt::format(R"({{"migrate_to_chat_id":{}}})", state.migrated_to);
    return finish(request, ChannelOutcome::kRefused, telegram_error(400, kUpgraded, parameters));
  }
  return serve_send(request, false, [&](ChannelRequest& stored) {
    book_.store(stored, key);
    stored.outcome = ChannelOutcome::kStored;
    message.id = std::to_string(++messages_made_);
    message.date = unix_time();
    const std::string made = json_of(message);
    messages_.add(std::move(message));
    return telegram_ok(made);
  });
}

ChannelAnswer TelegramService::with_message(ChannelRequest& request, const Arguments& arguments,
                                            std::string_view absent,
                                            const std::function<net::HttpResponse(TelegramMessage& message)>& change) {
  const std::string chat = chat_of(arguments);
  const std::string problem = chat_problem(arguments, chat);
  return serve_call(request, [&](ChannelRequest& served) {
    served.outcome = ChannelOutcome::kRefused;
    if (!problem.empty()) {
      return telegram_error(400, problem);
    }
    const std::string id = normal_id(arguments.text("message_id"));
    if (id.empty() || id == "0") {
      return telegram_error(400, "Bad Request: message identifier is not specified");
    }
    TelegramMessage* const message = messages_.find(chat, id);
    if (message == nullptr) {
      return telegram_error(400, absent);
    }
    net::HttpResponse response = change(*message);
    if (response.status == 200) {
      served.outcome = ChannelOutcome::kAnswered;
    }
    return response;
  });
}

ChannelAnswer TelegramService::edit_message_text(ChannelRequest& request, const Arguments& arguments) {
  const std::string chat = chat_of(arguments);
  if (chat_problem(arguments, chat).empty()) {
    request.conversation = chat;  // An edit counts like a message.
  }
  if (arguments.contains("inline_message_id") && !arguments.contains("chat_id")) {
    notices_.unknown("editMessageText.inline_message_id");
  }
  note_not_played("editMessageText", arguments,
                  {"business_connection_id", "disable_web_page_preview", "link_preview_options"});
  return with_message(request, arguments, "Bad Request: message to edit not found", [&](TelegramMessage& message) {
    if (!message.by_user.empty()) {
      return telegram_error(400, "Bad Request: message can't be edited");
    }
    try {
      FormattedText body = formatted(arguments);
      std::string keyboard = inline_keyboard(arguments);
      if (body == message.body && keyboard == message.inline_keyboard) {
        return telegram_error(400,
                              "Bad Request: message is not modified: specified new message content and reply "
                              "markup are exactly the same as a current content and reply markup of the message");
      }
      message.body = std::move(body);
      message.inline_keyboard = std::move(keyboard);
    } catch (const FormatError& wrong) {
      return telegram_error(400, std::string("Bad Request: ") + wrong.what());
    }
    message.edit_date = unix_time();
    ++book_.ledger().messages_edited;
    return telegram_ok(json_of(message));
  });
}

ChannelAnswer TelegramService::delete_message(ChannelRequest& request, const Arguments& arguments) {
  return with_message(request, arguments, "Bad Request: message to delete not found", [&](TelegramMessage& message) {
    messages_.erase(std::string(message.conversation), std::string(message.id));
    ++book_.ledger().messages_deleted;
    return telegram_ok("true");
  });
}

ChannelAnswer TelegramService::set_message_reaction(ChannelRequest& request, const Arguments& arguments) {
  return with_message(request, arguments, "Bad Request: message to react not found", [&](TelegramMessage&) {
    bool is_valid = true;
    if (const Argument* const reaction = arguments.find("reaction")) {
      is_valid = false;
      read_json(parser_, reaction->value, [&](const json::Value& list) {
        is_valid = list.IsArray();
        for (rapidjson::SizeType i = 0; list.IsArray() && i < list.Size(); ++i) {
          const std::string_view type = json::text_member(list[i], "type");
          const std::string_view value = json::text_member(list[i], type == "emoji" ? "emoji" : "custom_emoji_id");
          is_valid = is_valid && (type == "emoji" || type == "custom_emoji") && !value.empty();
        }
      });
    }
    return is_valid ? telegram_ok("true") : telegram_error(400, "Bad Request: REACTION_INVALID");
  });
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
      LimitState limits = book_.limit(request);
      ChannelRequest under_new_id;
      under_new_id.conversation = to;
      book_.limit(under_new_id) = std::move(limits);
      if (!options_.chats.empty()) {
        options_.chats.push_back(to);
      }
      const std::string parameters = fmt::format(R"({{"migrate_to_chat_id":{}}})", to);
      return finish(request, ChannelOutcome::kRefused, telegram_error(400, kUpgraded, parameters));
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

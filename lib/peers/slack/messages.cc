// SPDX-License-Identifier: Apache-2.0
// The methods that send, edit, delete and read messages.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lib/json/writer.h"
#include "lib/peers/slack/blocks.h"
#include "lib/peers/slack/service.h"
#include "lib/text/ascii.h"
#include "lib/text/number.h"
#include "lib/text/utf8.h"

namespace soak::peers {
namespace {

using std::chrono::seconds;

constexpr std::size_t kTextMax = 40'000;  // A longer text is cut to this and posted.
constexpr std::size_t kMarkdownMax = 12'000;
constexpr std::size_t kAttachmentsMax = 100;

bool is_reaction_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (text::is_letter_or_digit(c) && !text::is_upper(c)) || c == '_' || c == '-' || c == '+' || c == ':';
  });
}

}  // namespace

SlackService::Problem SlackService::read_payload(const Arguments& arguments, SlackMessage& message) {
  const std::string_view text = arguments.text("text");
  const std::string_view markdown = arguments.text("markdown_text");
  if (const Argument* const blocks = arguments.find("blocks")) {
    Problem problem{"invalid_blocks_format", {}};
    read_json(parser_, blocks->value, [&](const json::Value& list) {
      if (list.IsArray()) {
        SlackBlocks read = read_blocks(list, fmt::format("b{}-", messages_made_ + 1));
        problem = read.errors.empty() ? Problem{} : Problem{"invalid_blocks", std::move(read.errors)};
        message.blocks = list.Empty() ? "" : std::move(read.json);
      }
    });
    if (!problem.error.empty()) {
      return problem;
    }
  }
  if (const Argument* const attachments = arguments.find("attachments")) {
    const auto count = array_size(parser_, attachments->value);
    if (!count) {
      return {"invalid_array_arg", {}};
    }
    if (*count > kAttachmentsMax) {
      return {"too_many_attachments", {}};
    }
    message.attachments = *count == 0 ? "" : attachments->value;
  }
  if (!markdown.empty() && (!text.empty() || arguments.contains("blocks"))) {
    return {"markdown_text_conflict", {}};
  }
  if (text.empty() && markdown.empty() && message.blocks.empty() && message.attachments.empty()) {
    return {"no_text", {}};
  }
  // The documented errors of chat.postMessage have none for this; chat.update returns this one.
  if (text::utf8_length(markdown).value().characters > kMarkdownMax) {
    return {"msg_too_long", {}};
  }
  message.text = text.empty() ? markdown : text;
  return {};
}

std::string SlackService::next_ts() {
  const auto now = std::chrono::floor<seconds>(loop_.wall_now()).time_since_epoch().count();
  return fmt::format("{}.{:06}", now, ++messages_made_ % 1'000'000);
}

ChannelAnswer SlackService::post_message(ChannelRequest& request, const Question& question) {
  const Arguments& arguments = question.arguments;
  SlackMessage message;
  message.conversation = directory_.channel_id(arguments.text("channel"));
  request.conversation = message.conversation;
  message.text = arguments.text(arguments.text("text").empty() ? "markdown_text" : "text");
  const MessageKey key = key_of(message.text, arguments.text("client_msg_id"));
  request.key = key.key;
  if (const auto inside = book_.arrive(request)) {
    return turn_away(request, *inside);
  }

  if (message.conversation.empty()) {
    return error(request, {"channel_not_found", {}});
  }
  if (const Problem problem = read_payload(arguments, message); !problem.error.empty()) {
    return error(request, problem);
  }
  note_not_played("chat.postMessage", arguments,
                  {"as_user", "icon_emoji", "icon_url", "link_names", "metadata", "mrkdwn", "parse", "reply_broadcast",
                   "unfurl_links", "unfurl_media"});
  message.thread_ts = arguments.text("thread_ts");
  message.username = arguments.text("username");

  std::vector<std::string_view> warnings;
  if (question.missing_charset) {
    warnings.push_back("missing_charset");
  }
  if (text::utf8_length(message.text).value().characters > kTextMax) {
    warnings.push_back("message_truncated");
    message.text.resize(text::first_characters(message.text, kTextMax).size());
  }
  return serve_send(request, false, [&](ChannelRequest& stored) {
    book_.store(stored, key);
    stored.outcome = ChannelOutcome::kStored;
    message.id = next_ts();
    json::Writer json;
    json.object().key("ok").boolean(true).key("channel").text(message.conversation).key("ts").text(message.id);
    json.key("message");
    write(json, message);
    if (!warnings.empty()) {
      std::string joined;
      for (const std::string_view warning : warnings) {
        joined.append(joined.empty() ? "" : ",").append(warning);
      }
      json.key("warning").text(joined).key("response_metadata").object().key("warnings").array();
      for (const std::string_view warning : warnings) {
        json.text(warning);
      }
      json.end_array().end_object();
    }
    messages_.add(std::move(message));
    return json_response(json.end_object().take());
  });
}

std::string SlackService::post(const IncomingMessage& incoming) {
  SlackMessage message;
  message.conversation = directory_.channel_id(incoming.conversation);
  message.user = incoming.from.empty() ? "U00000002" : incoming.from;
  if (message.conversation.empty() || !SlackDirectory::is_user_id(message.user)) {
    return {};
  }
  message.text = incoming.text;
  message.id = next_ts();
  std::string ts = message.id;
  send_event(message);
  messages_.add(std::move(message));
  return ts;
}

ChannelAnswer SlackService::with_message(
    ChannelRequest& request, const Question& question, std::string_view ts,
    const std::function<std::string(SlackMessage& message, json::Writer& ok)>& change) {
  return serve_method(request, [&](json::Writer& ok) -> Problem {
    // These methods take the id of a channel, not its name.
    const std::string_view channel = question.arguments.text("channel");
    if (channel.empty() || directory_.channel_id(channel) != channel) {
      return {"channel_not_found", {}};
    }
    SlackMessage* const message = messages_.find(channel, question.arguments.text(ts));
    if (message == nullptr) {
      return {"message_not_found", {}};
    }
    return {change(*message, ok), {}};
  });
}

ChannelAnswer SlackService::update_message(ChannelRequest& request, const Question& question) {
  SlackMessage payload;
  const Problem problem = read_payload(question.arguments, payload);
  if (!problem.error.empty()) {
    return serve_method(request, [&](json::Writer&) { return problem; });
  }
  note_not_played("chat.update", question.arguments,
                  {"as_user", "file_ids", "link_names", "metadata", "parse", "reply_broadcast"});
  return with_message(request, question, "ts", [&](SlackMessage& message, json::Writer& ok) -> std::string {
    if (!message.user.empty()) {
      return "cant_update_message";
    }
    message.text = payload.text;
    if (question.arguments.contains("blocks")) {
      message.blocks = payload.blocks;
    } else if (question.arguments.contains("text")) {
      message.blocks.clear();  // "If you don't include blocks, the message's previous blocks are removed" by its text.
    }
    if (question.arguments.contains("attachments")) {
      message.attachments = payload.attachments;
    }
    const auto now = std::chrono::floor<seconds>(loop_.wall_now()).time_since_epoch().count();
    message.edited_ts = fmt::format("{}.000000", now);
    ++book_.ledger().messages_edited;
    ok.key("channel").text(message.conversation).key("ts").text(message.id).key("text").text(message.text);
    ok.key("message");
    write(ok, message);
    return {};
  });
}

ChannelAnswer SlackService::delete_message(ChannelRequest& request, const Question& question) {
  return with_message(request, question, "ts", [&](SlackMessage& message, json::Writer& ok) -> std::string {
    if (!message.user.empty()) {
      return "cant_delete_message";
    }
    ok.key("channel").text(message.conversation).key("ts").text(message.id);
    messages_.erase(std::string(message.conversation), std::string(message.id));
    ++book_.ledger().messages_deleted;
    return {};
  });
}

ChannelAnswer SlackService::add_reaction(ChannelRequest& request, const Question& question) {
  return with_message(request, question, "timestamp", [&](SlackMessage& message, json::Writer&) -> std::string {
    const std::string name(question.arguments.text("name"));
    if (!is_reaction_name(name)) {
      return "invalid_name";
    }
    if (std::find(message.reactions.begin(), message.reactions.end(), name) != message.reactions.end()) {
      return "already_reacted";
    }
    constexpr std::size_t kReactionsMax = 23;
    if (message.reactions.size() >= kReactionsMax) {
      return "too_many_reactions";
    }
    message.reactions.push_back(name);
    return {};
  });
}

ChannelAnswer SlackService::remove_reaction(ChannelRequest& request, const Question& question) {
  return with_message(request, question, "timestamp", [&](SlackMessage& message, json::Writer&) -> std::string {
    const std::string_view name = question.arguments.text("name");
    return std::erase_if(message.reactions, [&](const std::string& own) { return own == name; }) > 0 ? ""
                                                                                                     : "no_reaction";
  });
}

// conversations.history: the newest first. conversations.replies: of a thread, the oldest first.
ChannelAnswer SlackService::list_messages(ChannelRequest& request, const Question& question, bool is_thread) {
  return serve_method(request, [&](json::Writer& ok) -> Problem {
    constexpr int kLimitMax = 1000;
    const Arguments& arguments = question.arguments;
    const std::string_view channel = arguments.text("channel");
    if (channel.empty() || directory_.channel_id(channel) != channel) {
      return {"channel_not_found", {}};
    }
    const int limit = arguments.contains("limit") ? text::parse_number<int>(arguments.text("limit")).value_or(0) : 100;
    if (limit < 1 || limit > kLimitMax) {
      return {"invalid_limit", {}};
    }
    const std::string_view thread = arguments.text("ts");
    if (is_thread && messages_.find(channel, thread) == nullptr) {
      return {"thread_not_found", {}};
    }
    const std::string_view oldest = arguments.text("oldest");
    const std::string_view latest = arguments.text("latest");
    std::vector<const SlackMessage*> found;
    for (const SlackMessage& message : messages_.all()) {
      const bool is_reply = !message.thread_ts.empty() && message.thread_ts != message.id;
      const bool belongs = is_thread ? message.thread_ts == thread || message.id == thread : !is_reply;
      // A ts has one width, so its text compares like its number.
      if (message.conversation == channel && belongs && (oldest.empty() || message.id > oldest) &&
          (latest.empty() || message.id < latest)) {
        found.push_back(&message);
      }
    }
    if (!is_thread) {
      std::reverse(found.begin(), found.end());
    }
    const bool has_more = found.size() > static_cast<std::size_t>(limit);
    found.resize(std::min(found.size(), static_cast<std::size_t>(limit)));
    ok.key("messages").array();
    for (const SlackMessage* const message : found) {
      write(ok, *message);
    }
    ok.end_array().key("has_more").boolean(has_more);
    return {};
  });
}

ChannelAnswer SlackService::history(ChannelRequest& request, const Question& question) {
  return list_messages(request, question, false);
}

ChannelAnswer SlackService::replies(ChannelRequest& request, const Question& question) {
  return list_messages(request, question, true);
}

}  // namespace soak::peers

// SPDX-License-Identifier: Apache-2.0
// The methods that send, edit, delete and read messages.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lib/json/writer.h"
#include "lib/peers/discord/errors.h"
#include "lib/peers/discord/service.h"
#include "lib/peers/discord/user.h"
#include "lib/peers/json_response.h"
#include "lib/text/number.h"

namespace soak::peers {
namespace {

constexpr std::size_t kNoncesKept = 512;  // Per conversation.

net::HttpResponse unknown_message() { return discord_error(404, 10008, "Unknown Message"); }

// A custom emoji is "name:id"; any other is no ASCII.
bool is_emoji(std::string_view emoji) {
  if (const std::size_t colon = emoji.find(':'); colon != std::string_view::npos) {
    return colon > 0 && is_snowflake(emoji.substr(colon + 1));
  }
  return std::any_of(emoji.begin(), emoji.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

}  // namespace

std::string DiscordService::json_of(const DiscordMessage& message) {
  json::Writer json;
  write(json, message, messages_.find(message.conversation, message.replies_to));
  return json.take();
}

ChannelAnswer DiscordService::create_message(Call& call) {
  DiscordBody body;
  return send(call, body);
}

ChannelAnswer DiscordService::execute_webhook(Call& call) {
  call.request.limit = "webhook";  // Its threads share one bucket.
  Arguments query;
  query.add_form(call.http.query);
  call.waits = query.truth("wait");
  DiscordBody body;
  body.by_webhook = true;
  return send(call, body);
}

ChannelAnswer DiscordService::send(Call& call, DiscordBody& body) {
  ChannelRequest& request = call.request;
  Arguments arguments;
  std::optional<net::HttpResponse> wrong = read_body(parser_, call.http, arguments);
  if (!wrong) {
    wrong = read_message(parser_, arguments, body);
  }
  if (!wrong && is_empty(body)) {
    wrong = empty_message();
  }
  if (!wrong && body.by_webhook && arguments.contains("thread_name")) {
    wrong = discord_error(400, 220003, "Webhooks can only create threads in forum channels");
  }
  const DiscordMessage* const replied_to =
      body.replies_to.empty() ? nullptr : messages_.find(request.conversation, body.replies_to);
  if (!wrong && !body.replies_to.empty() && replied_to == nullptr) {
    if (!body.reply_may_dangle) {
      wrong = invalid_form("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message");
    }
    body.replies_to.clear();
  }
  const MessageKey key = key_of(body.content, body.nonce);
  request.key = key.key;
  request.nonce = body.nonce;
  call.waits = call.waits || body.has_file;  // github.com/discord/discord-api-docs/issues/5099
  if (const auto inside = book_.arrive(request)) {
    return turn_away(request, *inside);
  }
  if (wrong) {
    return finish(request, ChannelOutcome::kRefused, *wrong);
  }
  note_not_played(body.by_webhook ? "Execute Webhook" : "Create Message", arguments,
                  {"allowed_mentions", "applied_tags", "avatar_url", "components", "flags", "poll", "sticker_ids"});

  const bool is_deduplicated = body.enforce_nonce && !body.nonce.empty();
  ChannelAnswer answer = serve_send(request, is_deduplicated, [&](ChannelRequest& stored) {
    std::deque<ConversationState::Nonce>& nonces = book_.conversation(stored.conversation).nonces;
    while (!nonces.empty() && loop_.now() - nonces.front().at >= options_.nonce_time) {
      nonces.pop_front();
    }
    if (is_deduplicated) {
      const auto first =
          std::find_if(nonces.begin(), nonces.end(), [&](const auto& n) { return n.nonce == body.nonce; });
      if (first != nonces.end()) {
        stored.outcome = ChannelOutcome::kDeduplicated;
        return json_response(200, first->message);
      }
    }
    DiscordMessage message;
    message.conversation = stored.conversation;
    message.id = snowflake();
    message.author_id = body.by_webhook ? webhook_id_ : std::string(kDiscordBot);
    message.author_name = !body.username.empty() ? body.username : (body.by_webhook ? webhook_name_ : "soak");
    message.webhook_id = body.by_webhook ? webhook_id_ : "";
    message.content = body.content;
    message.nonce = body.nonce;
    message.embeds = body.embeds;
    message.attachments =
        attachments(parser_, arguments, origin_ + "/attachments/" + stored.conversation, [&] { return snowflake(); });
    message.replies_to = body.replies_to;
    message.tts = body.tts;
    message.timestamp = timestamp();
    const std::string made = json_of(message);
    stored.outcome = ChannelOutcome::kAnswered;
    if (storing_) {
      book_.store(stored, key);
      stored.outcome = ChannelOutcome::kStored;
      messages_.add(std::move(message));
      if (!body.nonce.empty()) {
        nonces.push_back({body.nonce, made, loop_.now()});
      }
      if (nonces.size() > kNoncesKept) {
        nonces.pop_front();
      }
    }
    return call.waits ? json_response(200, made) : net::HttpResponse(204);
  });
  if (!answer.reset && answer.response.status < 429) {
    tell_limits(request, answer.response);
  }
  return answer;
}

std::string DiscordService::post(const IncomingMessage& incoming) {
  DiscordMessage message;
  message.author_id = incoming.from.empty() ? std::string(kDiscordOwner) : incoming.from;
  if (!knows(incoming.conversation) || !is_snowflake(message.author_id)) {
    return {};
  }
  message.conversation = incoming.conversation;
  message.id = snowflake();
  message.author_name = "user-" + message.author_id;
  message.content = incoming.text;
  message.timestamp = timestamp();
  std::string id = message.id;
  messages_.add(std::move(message));
  return id;
}

ChannelAnswer DiscordService::list_messages(Call& call) {
  constexpr int kLimitMax = 100;
  return serve(call, [&](ChannelRequest& request) {
    Arguments query;
    query.add_form(call.http.query);
    int limit = 50;
    if (query.contains("limit")) {
      const std::optional<int> number = text::parse_number<int>(query.text("limit"));
      request.outcome = ChannelOutcome::kRefused;
      if (!number) {
        return invalid_form("limit", "NUMBER_TYPE_COERCE",
                            fmt::format("Value \"{}\" is not int.", excerpt(query.text("limit"))));
      }
      if (*number < 1) {
        return invalid_form("limit", "NUMBER_TYPE_MIN", "int value should be greater than or equal to 1.");
      }
      if (*number > kLimitMax) {
        return invalid_form("limit", "NUMBER_TYPE_MAX", "int value should be less than or equal to 100.");
      }
      request.outcome = ChannelOutcome::kAnswered;
      limit = *number;
    }
    const auto bound = [&](const char* name) { return text::parse_number<std::uint64_t>(query.text(name)); };
    const std::optional<std::uint64_t> before = bound("before");
    const std::optional<std::uint64_t> after = bound("after");
    std::vector<const DiscordMessage*> found;  // From the oldest.
    for (const DiscordMessage& message : messages_.all()) {
      const std::uint64_t id = text::parse_number<std::uint64_t>(message.id).value_or(0);
      if (message.conversation == call.ids[0] && (!before || id < *before) && (!after || id > *after)) {
        found.push_back(&message);
      }
    }
    if (found.size() > static_cast<std::size_t>(limit)) {
      if (after) {
        found.resize(static_cast<std::size_t>(limit));  // Those next to `after`.
      } else {
        found.erase(found.begin(), found.end() - limit);
      }
    }
    std::string list;
    for (auto message = found.rbegin(); message != found.rend(); ++message) {
      list.append(list.empty() ? "" : ",").append(json_of(**message));
    }
    return json_response(200, "[" + list + "]");
  });
}

ChannelAnswer DiscordService::with_message(Call& call,
                                           const std::function<net::HttpResponse(DiscordMessage& message)>& change) {
  const std::string conversation = call.is_webhook() ? webhook_conversation(call) : call.ids[0];
  return serve(call, [&](ChannelRequest& request) {
    DiscordMessage* const message = messages_.find(conversation, call.ids[call.is_webhook() ? 2 : 1]);
    // A webhook has only its own messages.
    if (message == nullptr || (call.is_webhook() && message->webhook_id.empty())) {
      request.outcome = ChannelOutcome::kRefused;
      return unknown_message();
    }
    net::HttpResponse response = change(*message);
    if (response.status >= 400) {
      request.outcome = ChannelOutcome::kRefused;
    }
    return response;
  });
}

ChannelAnswer DiscordService::get_message(Call& call) {
  return with_message(call, [&](DiscordMessage& message) { return json_response(200, json_of(message)); });
}

ChannelAnswer DiscordService::edit_message(Call& call) {
  Arguments arguments;
  DiscordBody body;
  std::optional<net::HttpResponse> wrong = read_body(parser_, call.http, arguments);
  if (!wrong) {
    wrong = read_message(parser_, arguments, body);
  }
  return with_message(call, [&](DiscordMessage& message) {
    if (!call.is_webhook() && message.author_id != kDiscordBot) {
      return discord_error(403, 50005, "Cannot edit a message authored by another user");
    }
    if (wrong) {
      return *wrong;
    }
    note_not_played("Edit Message", arguments, {"allowed_mentions", "components", "flags"});
    DiscordMessage edited = message;
    if (arguments.contains("content") || arguments.is_null("content")) {
      edited.content = body.content;
    }
    if (arguments.contains("embeds") || arguments.is_null("embeds")) {
      edited.embeds = body.embeds;
    }
    std::erase_if(edited.attachments, [&](const DiscordMessage::Attachment& attachment) {
      return !keeps_attachment(parser_, arguments, attachment.id);
    });
    for (DiscordMessage::Attachment& added : attachments(
             parser_, arguments, origin_ + "/attachments/" + message.conversation, [&] { return snowflake(); })) {
      edited.attachments.push_back(std::move(added));
    }
    if (edited.attachments.size() > kAttachmentsMax) {
      return too_many_attachments();
    }
    DiscordBody whole = body;
    whole.content = edited.content;
    whole.embeds = edited.embeds;
    whole.has_file = !edited.attachments.empty();
    if (is_empty(whole)) {
      return empty_message();
    }
    edited.edited_timestamp = timestamp();
    message = std::move(edited);
    ++book_.ledger().messages_edited;
    return json_response(200, json_of(message));
  });
}

ChannelAnswer DiscordService::delete_message(Call& call) {
  return with_message(call, [&](DiscordMessage& message) {
    messages_.erase(std::string(message.conversation), std::string(message.id));
    ++book_.ledger().messages_deleted;
    return net::HttpResponse(204);
  });
}

ChannelAnswer DiscordService::add_reaction(Call& call) {
  return with_message(call, [&](DiscordMessage& message) {
    const std::string& emoji = call.ids[2];
    if (!is_emoji(emoji)) {
      return discord_error(400, 10014, "Unknown Emoji");
    }
    constexpr std::size_t kReactionsMax = 20;
    const bool is_there = std::any_of(message.reactions.begin(), message.reactions.end(),
                                      [&](const DiscordMessage::Reaction& r) { return r.emoji == emoji; });
    if (!is_there && message.reactions.size() >= kReactionsMax) {
      return discord_error(400, 30010, "Maximum number of reactions reached (20)");
    }
    if (!is_there) {
      message.reactions.push_back({emoji, true});
    }
    return net::HttpResponse(204);
  });
}

ChannelAnswer DiscordService::remove_reaction(Call& call) {
  return with_message(call, [&](DiscordMessage& message) {
    if (!is_emoji(call.ids[2])) {
      return discord_error(400, 10014, "Unknown Emoji");
    }
    std::erase_if(message.reactions, [&](const DiscordMessage::Reaction& r) { return r.emoji == call.ids[2]; });
    return net::HttpResponse(204);
  });
}

}  // namespace soak::peers

// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/discord/message.h"

#include <cstddef>

#include "lib/peers/discord/user.h"

namespace soak::peers {
namespace {

void write_emoji(json::Writer& json, std::string_view emoji) {
  const std::size_t colon = emoji.find(':');
  json.object().key("id");
  if (colon == std::string_view::npos) {
    json.null().key("name").text(emoji);
  } else {
    json.text(emoji.substr(colon + 1)).key("name").text(emoji.substr(0, colon));
  }
  json.end_object();
}

void write_all(json::Writer& json, const DiscordMessage& message, const DiscordMessage* replied_to, bool is_whole) {
  const bool is_reply = !message.replies_to.empty();
  json.object().key("id").text(message.id).key("channel_id").text(message.conversation);
  if (!message.webhook_id.empty()) {
    json.key("webhook_id").text(message.webhook_id);
  }
  json.key("type").integer(is_reply ? 19 : 0).key("content").text(message.content);
  json.key("author");
  write_user(json, message.author_id, message.author_name,
             !message.webhook_id.empty()        ? DiscordUserKind::kWebhook
             : message.author_id == kDiscordBot ? DiscordUserKind::kBot
                                                : DiscordUserKind::kHuman);
  json.key("timestamp").text(message.timestamp);
  json.key("edited_timestamp").text_or_null(message.edited_timestamp);
  json.key("tts").boolean(message.tts).key("mention_everyone").boolean(false);
  json.key("mentions").raw("[]").key("mention_roles").raw("[]");
  json.key("attachments").array();
  for (const DiscordMessage::Attachment& attachment : message.attachments) {
    json.raw(attachment.json);
  }
  json.end_array().key("embeds").raw(message.embeds);
  json.key("pinned").boolean(false).key("components").raw("[]").key("flags").integer(0);
  if (!message.nonce.empty()) {
    json.key("nonce").raw(message.nonce);
  }
  if (!message.reactions.empty()) {
    json.key("reactions").array();
    for (const DiscordMessage::Reaction& reaction : message.reactions) {
      json.object().key("emoji");
      write_emoji(json, reaction.emoji);
      json.key("count").integer(1).key("count_details").object().key("burst").integer(0).key("normal").integer(1);
      json.end_object().key("burst_colors").raw("[]").key("me_burst").boolean(false);
      json.key("burst_me").boolean(false).key("me").boolean(reaction.by_bot).key("burst_count").integer(0);
      json.end_object();
    }
    json.end_array();
  }
  if (is_reply) {
    json.key("message_reference").object().key("type").integer(0).key("channel_id").text(message.conversation);
    json.key("message_id").text(message.replies_to).key("guild_id").text(kDiscordGuild).end_object();
    if (is_whole) {
      json.key("referenced_message");
      if (replied_to == nullptr) {
        json.null();
      } else {
        write_all(json, *replied_to, nullptr, false);  // The message that this one replies to is left out.
      }
    }
  }
  json.end_object();
}

}  // namespace

void write(json::Writer& json, const DiscordMessage& message, const DiscordMessage* replied_to) {
  write_all(json, message, replied_to, true);
}

}  // namespace soak::peers

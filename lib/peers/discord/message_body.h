// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_DISCORD_MESSAGE_BODY_H_
#define SOAK_LIB_PEERS_DISCORD_MESSAGE_BODY_H_

// What a client sends to create or to edit a message, checked as Discord's documentation of a message and its embeds
// has it (discord.com/developers/docs/resources/message).

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/peers/arguments.h"
#include "lib/peers/discord/message.h"
#include "soak/net/http.h"
#include "soak/net/http_server.h"

namespace soak::peers {

struct DiscordBody {
  bool by_webhook = false;  // Set it before: a webhook has a username, and neither nonces nor replies.
  std::string content;
  std::string username;
  std::string nonce;  // As JSON; empty if there is none.
  bool enforce_nonce = false;
  bool tts = false;
  std::string embeds = "[]";
  std::string replies_to;         // A message's id.
  bool reply_may_dangle = false;  // fail_if_not_exists is false.
  bool has_file = false;
  bool has_more = false;  // Of what the fake does not read, but which makes a message: a poll, components, stickers.
};

// Reads the request's body into `arguments`. The error response if it cannot be read; otherwise nullopt.
std::optional<net::HttpResponse> read_body(JsonParser& parser, net::HttpServerRequest& http, Arguments& arguments);

// Likewise, for what the arguments say.
std::optional<net::HttpResponse> read_message(JsonParser& parser, const Arguments& arguments, DiscordBody& body);

// What is wrong with the name of a webhook, given in `field`; otherwise nullopt.
std::optional<net::HttpResponse> webhook_name_problem(std::string_view field, std::string_view name);

// A message, once edited too, has at most this many.
inline constexpr std::size_t kAttachmentsMax = 10;
net::HttpResponse too_many_attachments();

net::HttpResponse empty_message();
bool is_empty(const DiscordBody& body);

bool is_snowflake(std::string_view id);

// The files among the arguments, each with a URL below `url`.
std::vector<DiscordMessage::Attachment> attachments(JsonParser& parser, const Arguments& arguments,
                                                    const std::string& url,
                                                    const std::function<std::string()>& next_id);

// Whether an edit keeps this attachment: its list has the id, or there is no list.
bool keeps_attachment(JsonParser& parser, const Arguments& arguments, std::string_view id);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_DISCORD_MESSAGE_BODY_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_DISCORD_USER_H_
#define SOAK_LIB_PEERS_DISCORD_USER_H_

// A user, as every response of the fake shows one: with all that the documents do not mark as optional, because SDKs
// count on it (discord.com/developers/docs/resources/user, "User Object").

#include <string_view>

#include "lib/json/writer.h"

namespace soak::peers {

inline constexpr std::string_view kDiscordBot = "1000000000000000002";    // This bot.
inline constexpr std::string_view kDiscordOwner = "1000000000000000003";  // Of the application.

enum class DiscordUserKind : std::uint8_t { kHuman, kBot, kWebhook };

// Its members, into an object that is open.
void write_user_members(json::Writer& json, std::string_view id, std::string_view name, DiscordUserKind kind);
// An object.
void write_user(json::Writer& json, std::string_view id, std::string_view name, DiscordUserKind kind);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_DISCORD_USER_H_

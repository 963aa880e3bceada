// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/discord/user.h"

namespace soak::peers {

void write_user_members(json::Writer& json, std::string_view id, std::string_view name, DiscordUserKind kind) {
  // Only people have names that are unique without a number.
  const std::string_view discriminator = kind == DiscordUserKind::kHuman ? "0"
                                         : kind == DiscordUserKind::kBot ? "0001"
                                                                         : "0000";
  json.key("id").text(id).key("username").text(name).key("discriminator").text(discriminator);
  json.key("global_name").null().key("avatar").null().key("public_flags").integer(0);
  if (kind != DiscordUserKind::kHuman) {
    json.key("bot").boolean(true);
  }
}

void write_user(json::Writer& json, std::string_view id, std::string_view name, DiscordUserKind kind) {
  json.object();
  write_user_members(json, id, name, kind);
  json.end_object();
}

}  // namespace soak::peers

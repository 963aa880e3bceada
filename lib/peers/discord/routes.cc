// SPDX-License-Identifier: Apache-2.0
// The methods of Discord's API that the fake has, one in a row.

#include <algorithm>
#include <iterator>

#include "lib/peers/discord/service.h"
#include "lib/text/number.h"

namespace soak::peers {

using std::chrono::milliseconds;

// discord.com/developers/docs/resources/channel, message, webhook, user and application. Reactions are limited to one
// in 250 ms, as users report; for the others there are only the numbers in DiscordLimits.
const DiscordService::Route DiscordService::kRoutes[] = {
    {"POST", "channels/*/messages", Access::kBot, &DiscordService::create_message},
    {"GET", "channels/*/messages", Access::kBot, &DiscordService::list_messages},
    {"GET", "channels/*/messages/*", Access::kBot, &DiscordService::get_message},
    {"PATCH", "channels/*/messages/*", Access::kBot, &DiscordService::edit_message},
    {"DELETE", "channels/*/messages/*", Access::kBot, &DiscordService::delete_message},
    {"PUT", "channels/*/messages/*/reactions/*/@me", Access::kBot, &DiscordService::add_reaction, 1, milliseconds{250}},
    {"DELETE", "channels/*/messages/*/reactions/*/@me", Access::kBot, &DiscordService::remove_reaction, 1,
     milliseconds{250}},
    {"POST", "channels/*/typing", Access::kBot, &DiscordService::trigger_typing},
    {"GET", "channels/*", Access::kBot, &DiscordService::get_channel},
    {"GET", "users/@me", Access::kBot, &DiscordService::get_me},
    {"GET", "oauth2/applications/@me", Access::kBot, &DiscordService::get_application},
    {"GET", "applications/@me", Access::kBot, &DiscordService::get_application},
    {"POST", "webhooks/*/*", Access::kWebhook, &DiscordService::execute_webhook},
    {"GET", "webhooks/*/*", Access::kWebhook, &DiscordService::get_webhook},
    {"PATCH", "webhooks/*/*", Access::kWebhook, &DiscordService::modify_webhook},
    {"DELETE", "webhooks/*/*", Access::kWebhook, &DiscordService::delete_webhook},
    {"GET", "webhooks/*/*/messages/*", Access::kWebhook, &DiscordService::get_message},
    {"PATCH", "webhooks/*/*/messages/*", Access::kWebhook, &DiscordService::edit_message},
    {"DELETE", "webhooks/*/*/messages/*", Access::kWebhook, &DiscordService::delete_message},
};

namespace {

// Whether the segments are those of `pattern`; then `ids` has what its stars stand for.
bool matches(std::string_view pattern, const std::vector<std::string>& segments, std::vector<std::string>& ids) {
  ids.clear();
  for (const std::string& segment : segments) {
    if (pattern.empty()) {
      return false;
    }
    const std::size_t end = std::min(pattern.find('/'), pattern.size());
    const std::string_view part = pattern.substr(0, end);
    pattern.remove_prefix(std::min(end + 1, pattern.size()));
    if (part == "*") {
      ids.push_back(segment);
    } else if (part != segment) {
      return false;
    }
  }
  return pattern.empty();
}

}  // namespace

// "/api/v10/..." Versions 6 and 7 are like it, but for the unit of Retry-After. A webhook's URL as Discord's own page
// hands it out has no version, which is version 6 (discord.com/developers/docs/reference, "API Versioning").
void DiscordService::find_route(Call& call) {
  constexpr int kVersionMin = 6;
  constexpr int kVersionMax = 10;
  constexpr int kSecondsSince = 8;
  std::vector<std::string> path = path_segments(call.http.path);
  if (path.size() < 2 || path[0] != "api") {
    return;
  }
  std::optional<int> version;
  if (path[1].starts_with('v')) {
    version = text::parse_number<int>(std::string_view(path[1]).substr(1));
  }
  call.path.assign(std::next(path.begin(), version ? 2 : 1), path.end());
  if (!version && call.is_webhook()) {
    version = kVersionMin;
  }
  call.is_known_version = version && *version >= kVersionMin && *version <= kVersionMax;
  call.in_milliseconds = call.is_known_version && *version < kSecondsSince;
  if (!call.is_known_version) {
    return;
  }
  std::vector<std::string> ids;
  for (const Route& route : kRoutes) {
    if (!matches(route.path, call.path, ids)) {
      continue;
    }
    call.is_known_path = true;
    if (route.method == call.http.method) {
      call.route = &route;
      call.ids = ids;
      return;
    }
  }
}

}  // namespace soak::peers

// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/discord/agents.h"

#include <cstddef>

#include "lib/peers/discord/errors.h"

namespace soak::peers {
namespace {

// "DiscordBot ($url, $versionNumber)", with or without more text behind it. discord.py, which the documentation lists,
// has no comma: "DiscordBot (https://github.com/Rapptz/discord.py 2.2.2) Python/3.11 aiohttp/3.8.4".
bool is_documented(std::string_view agent) {
  constexpr std::string_view kStart = "DiscordBot (";
  const std::size_t end = agent.find(')');
  if (!agent.starts_with(kStart) || end == std::string_view::npos) {
    return false;
  }
  const std::string_view inside = agent.substr(kStart.size(), end - kStart.size());
  const std::size_t gap = inside.find_first_of(", ");
  return gap != std::string_view::npos && gap > 0 && inside.find_first_not_of(", ", gap) != std::string_view::npos;
}

// github.com/discord/discord-api-docs/issues/4908 and 1504.
bool is_known_library(std::string_view agent) {
  return agent.starts_with("Python-urllib") || agent.starts_with("Java/1.");
}

net::HttpResponse edge_page() {
  return net::HttpResponse(
      403, "<!DOCTYPE html>\n<html><head><title>Access denied</title></head><body>error code: 1010</body></html>\n",
      {{"Content-Type", "text/html; charset=UTF-8"}});
}

}  // namespace

std::optional<net::HttpResponse> refuse_agent(UserAgentCheck check, std::string_view agent, bool is_webhook) {
  switch (check) {
    case UserAgentCheck::kOff:
      return std::nullopt;
    case UserAgentCheck::kKnown:
      if (is_known_library(agent)) {
        return edge_page();
      }
      // A browser on the bot API (github.com/discord/discord-api-docs/issues/6473).
      if (agent.starts_with("Mozilla/") && !is_webhook) {
        return discord_error(403, 40333, "internal network error");
      }
      return std::nullopt;
    case UserAgentCheck::kStrict:
      if (is_documented(agent)) {
        return std::nullopt;
      }
      return edge_page();
  }
  return std::nullopt;
}

}  // namespace soak::peers

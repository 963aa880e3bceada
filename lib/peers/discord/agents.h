// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_DISCORD_AGENTS_H_
#define SOAK_LIB_PEERS_DISCORD_AGENTS_H_

// Which clients Discord's edge turns away by their User-Agent.

#include <optional>
#include <string_view>

#include "soak/net/http.h"
#include "soak/peers/discord_peer.h"

namespace soak::peers {

// The edge's response; nullopt if the client may pass. `is_webhook`: the request is for a webhook, not the bot API.
std::optional<net::HttpResponse> refuse_agent(UserAgentCheck check, std::string_view agent, bool is_webhook);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_DISCORD_AGENTS_H_

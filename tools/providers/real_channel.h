// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_PROVIDERS_REAL_CHANNEL_H_
#define SOAK_TOOLS_PROVIDERS_REAL_CHANNEL_H_

// A channel client for the provider's own service, with the secrets that the environment holds.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "soak/channels/channel.h"
#include "soak/event_loop.h"

namespace soak::tools {

struct RealChannelOptions {
  std::string url = {};      // Another endpoint of the same API; the provider's unless given.
  std::string ca_file = {};  // Whom to trust there.
  std::chrono::nanoseconds http_timeout = std::chrono::seconds{15};
};

struct RealChannel {
  std::unique_ptr<channels::Channel> channel;
  std::string conversation;
};

// The variables that "telegram", "slack" or "discord" needs; none for another name.
std::vector<const char*> variables_of(std::string_view provider);

// Those of them that are not set, or are empty.
std::vector<std::string> missing_variables(std::string_view provider);

// With the variables as they are. Throws Error(Errc::kInvalidArgument) for a value that makes no sense.
RealChannel real_channel(std::string_view provider, EventLoop& loop, const RealChannelOptions& options);

}  // namespace soak::tools

#endif  // SOAK_TOOLS_PROVIDERS_REAL_CHANNEL_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_PROVIDERS_REAL_CHANNEL_H_
#define SOAK_TOOLS_PROVIDERS_REAL_CHANNEL_H_

// A channel client for the provider's own service, with the secrets from the environment.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "soak/channels/channel.h"
#include "soak/event_loop.h"

namespace soak::tools {

struct RealChannelOptions {
  std::string url = {};      // Another endpoint of the same API; by default the provider's.
  std::string ca_file = {};  // PEM file of the CAs to trust instead of the system's.
  std::chrono::nanoseconds http_timeout = std::chrono::seconds{15};
};

struct RealChannel {
  std::unique_ptr<channels::Channel> channel;
  std::string conversation;
};

// The variables that "telegram", "slack" or "discord" needs; none for another name.
std::vector<const char*> variables_of(std::string_view provider);

// Those of these variables that are unset or empty.
std::vector<std::string> missing_variables(std::string_view provider);

// Creates a channel from these variables. Throws Error(Errc::kInvalidArgument) for an invalid value, an invalid URL, or
// a URL where the provider takes none.
RealChannel real_channel(std::string_view provider, EventLoop& loop, const RealChannelOptions& options);

}  // namespace soak::tools

#endif  // SOAK_TOOLS_PROVIDERS_REAL_CHANNEL_H_

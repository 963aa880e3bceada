// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_CHANNELS_EDGE_H_
#define SOAK_LIB_CHANNELS_EDGE_H_

// Answers of what stands between a client and its provider: a proxy, a load balancer, a content delivery network. They
// are pages or plain text, where the provider's API answers with JSON, and they say nothing about a credential or a
// conversation.

#include <chrono>
#include <string_view>

#include "lib/channels/service.h"
#include "soak/net/http.h"

namespace soak::channels {

inline constexpr std::string_view kNotTheProviders = "and a body that is not the provider's";

// So many minutes are waited after an edge has blocked this address without a word on for how long: as long as Discord
// counts refused requests. Its blocks last from some minutes to a day.
inline constexpr nanoseconds kBlockedFor = std::chrono::minutes{10};

// What an answer that is not the provider's means: 401, 403, 404, 429 and their like turn every request away for a
// while, 400, 413 and their like this message; after 5xx, and after a page with status 200, the message may have
// arrived.
Answer edge_answer(const net::HttpResponse& response);

}  // namespace soak::channels

#endif  // SOAK_LIB_CHANNELS_EDGE_H_

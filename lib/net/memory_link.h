// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_MEMORY_LINK_H_
#define SOAK_LIB_NET_MEMORY_LINK_H_

#include <chrono>
#include <memory>
#include <utility>

#include "lib/net/link.h"
#include "soak/event_loop.h"

namespace soak::net {

// Two links that are each other's peer, `latency` apart. Neither has a user yet; what arrives before it has
// one waits.
struct MemoryPair {
  std::unique_ptr<Link> client;
  std::unique_ptr<Link> server;
};
MemoryPair make_memory_pair(EventLoop& loop, std::chrono::nanoseconds latency);

// Both ends have to be told whom they speak for, in on_event order: nothing is delivered before.
void set_memory_user(Link& link, LinkUser& user);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_MEMORY_LINK_H_

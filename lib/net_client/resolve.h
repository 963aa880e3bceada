// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_CLIENT_RESOLVE_H_
#define SOAK_LIB_NET_CLIENT_RESOLVE_H_

#include <string>
#include <vector>

#include "soak/event_loop.h"
#include "soak/task.h"

namespace soak::net {

struct Resolved {
  Resolved() = default;
  std::vector<std::string> addresses;  // Numeric, in the system's order of preference.
  std::string failure;                 // Why there are none; empty when the deadline came first.
};

// Looks `host` up on libuv's threads; an address is its own answer, at once.
Task<Resolved> resolve(UvLoop& loop, std::string host, Instant deadline);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_CLIENT_RESOLVE_H_

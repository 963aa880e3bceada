// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_CLIENT_LWS_SERVICE_H_
#define SOAK_LIB_NET_CLIENT_LWS_SERVICE_H_

#include "lib/net_client/lws_context.h"
#include "soak/event_loop.h"

namespace soak::net {

// The context of a UvLoop, as its service.
struct LwsService {
  explicit LwsService(EventLoop& loop) : context(static_cast<UvLoop&>(loop)) {}
  LwsContext context;
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_CLIENT_LWS_SERVICE_H_

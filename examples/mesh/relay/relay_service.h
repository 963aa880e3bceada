// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_RELAY_RELAY_SERVICE_H_
#define MESH_RELAY_RELAY_SERVICE_H_

// The routes of the Relay.

#include <cstdint>
#include <string_view>

#include "mesh/authenticator.h"
#include "mesh/registry.h"
#include "mesh/relay/mailboxes.h"
#include "mesh/router.h"
#include "mesh/storage.h"
#include "soak/event_loop.h"
#include "soak/metrics/metrics.h"
#include "soak/net/http.h"
#include "soak/task.h"

namespace mesh {

class RelayService {
 public:
  // All of them outlive it. `routes` gets the Relay's. The authenticator is that of `registry` and `storage`.
  RelayService(soak::EventLoop& loop, Storage& storage, Registry& registry, Authenticator& authenticator,
               Router& routes);

 private:
  using Reply = soak::Task<soak::net::HttpReply>;

  Reply send(Call call);
  Reply state(Call call);
  Reply inbox(Call call);
  Reply acknowledge(Call call);
  Reply sync(Call call);

  soak::Task<> check_trust(const Envelope& envelope);
  soak::Task<std::int64_t> write_ack(const Caller& caller, std::int64_t up_to);
  Inbox read_inbox(const Caller& caller, std::optional<std::int64_t> after, std::int64_t limit);
  void add(Router& routes, std::string_view method, std::string_view path, Reply (RelayService::*handler)(Call));
  std::int64_t now_ms() const;

  soak::EventLoop& loop_;
  Storage& storage_;
  Registry& registry_;
  Authenticator& authenticator_;
  Mailboxes mailboxes_;
  soak::metrics::Counter accepted_;
  soak::metrics::Counter repeated_;
  soak::metrics::Counter delivered_;
  soak::metrics::Counter syncs_;
};

}  // namespace mesh

#endif  // MESH_RELAY_RELAY_SERVICE_H_

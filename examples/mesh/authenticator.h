// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_AUTHENTICATOR_H_
#define MESH_AUTHENTICATOR_H_

// Who sent a request: checks its signature, its time, and that it comes for the first time.

#include <chrono>
#include <cstdint>
#include <set>
#include <string>

#include "mesh/identity.h"
#include "mesh/records.h"
#include "mesh/registry.h"
#include "mesh/signature.h"
#include "mesh/storage.h"
#include "soak/event_loop.h"
#include "soak/net/http.h"
#include "soak/task.h"

namespace mesh {

struct Caller {
  std::string handle;  // Empty if its key is new.
  std::string nonce;   // What remember() stores.
};

class Authenticator {
 public:
  static constexpr std::int64_t kSkewSeconds = 60;

  // All of them outlive it. Reads the nonces that the storage remembers.
  Authenticator(soak::EventLoop& loop, Storage& storage, Registry& registry);

  // `request` outlives the task. Throws Problem: 401, 403 revoked, 503.
  soak::Task<Caller> check(const soak::net::HttpServerRequest& request);
  // The same for a request that is signed by `key`, which no agent has yet.
  Caller check_new(const soak::net::HttpServerRequest& request, const PublicKey& key);

  // Part of every transaction that a request asks for, so that it is accepted once even if the process restarts.
  void remember(Records& records, const Caller& caller) const;

 private:
  MessageSignature read(const soak::net::HttpServerRequest& request) const;
  std::string take_nonce(const MessageSignature& signature);
  std::int64_t now_seconds() const;

  soak::EventLoop& loop_;
  Registry& registry_;
  std::set<std::string> nonces_;  // "created/keyid/nonce", the oldest first.
};

}  // namespace mesh

#endif  // MESH_AUTHENTICATOR_H_

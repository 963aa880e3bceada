// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_DIRECTORY_DIRECTORY_SERVICE_H_
#define MESH_DIRECTORY_DIRECTORY_SERVICE_H_

// The routes of the Directory.

#include <cstdint>
#include <string>

#include "mesh/authenticator.h"
#include "mesh/directory/directory.h"
#include "mesh/directory/leases.h"
#include "mesh/directory/local_registry.h"
#include "mesh/router.h"
#include "mesh/storage.h"
#include "soak/event_loop.h"
#include "soak/net/http.h"
#include "soak/task.h"

namespace mesh {

struct DirectoryOptions {
  std::string registration_token;  // Empty: anybody may register.
  std::string admin_token;         // Empty: only an agent itself revokes it.
};

class DirectoryService {
 public:
  // All of them outlive it. `routes` gets the Directory's.
  DirectoryService(soak::EventLoop& loop, Storage& storage, const PrivateKey& registry_key, DirectoryOptions options,
                   Router& routes);

  // For a Relay in the same process.
  Registry& registry() { return registry_; }
  Authenticator& authenticator() { return authenticator_; }

 private:
  using Reply = soak::Task<soak::net::HttpReply>;

  Reply enrol(Call call);
  Reply invite(Call call);
  Reply join(Call call);
  Reply links(Call call);
  Reply unlink(Call call);
  Reply revoke(Call call);
  Reply identity(Call call);
  Reply profile(Call call);
  Reply verify(Call call);
  Reply registry_key(Call call);
  Reply key(Call call);
  Reply trust(Call call);

  void add(Router& routes, std::string_view method, std::string_view path, Reply (DirectoryService::*handler)(Call));
  std::int64_t now_ms() const;

  soak::EventLoop& loop_;
  Storage& storage_;
  const PrivateKey& key_;
  DirectoryOptions options_;
  Directory directory_;
  LocalRegistry registry_;
  Authenticator authenticator_;
  Leases leases_;
};

}  // namespace mesh

#endif  // MESH_DIRECTORY_DIRECTORY_SERVICE_H_

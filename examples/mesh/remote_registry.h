// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_REMOTE_REGISTRY_H_
#define MESH_REMOTE_REGISTRY_H_

// The Directory of another process. An answer counts for its lease, from before it was asked for; the Directory waits
// for that long before it confirms a revocation.

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "mesh/json.h"
#include "mesh/registry.h"
#include "soak/event_loop.h"
#include "soak/net/http_client.h"
#include "soak/task.h"

namespace mesh {

class RemoteRegistry final : public Registry {
 public:
  // "http://127.0.0.1:8080"
  RemoteRegistry(soak::EventLoop& loop, std::string directory_url);

  soak::Task<std::optional<KnownAgent>> find_key(std::string keyid) override;
  soak::Task<Trust> trust(std::string from, std::string to) override;

 private:
  template <typename T>
  struct Leased {
    T value;
    soak::Instant end;
  };

  // The answer; nullopt for 404.
  soak::Task<std::optional<std::string>> get(std::string path);

  soak::EventLoop& loop_;
  std::string directory_url_;
  soak::net::HttpClient client_;
  std::map<std::string, Leased<KnownAgent>> agents_;
  std::map<std::string, Leased<Trust>> trusts_;
};

}  // namespace mesh

#endif  // MESH_REMOTE_REGISTRY_H_

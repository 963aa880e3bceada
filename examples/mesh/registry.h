// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_REGISTRY_H_
#define MESH_REGISTRY_H_

// Who an agent is and whom it trusts, as the services need to know it: from the Directory in the same process
// (directory/local_registry.h), or from another one (remote_registry.h).

#include <optional>
#include <string>

#include "mesh/identity.h"
#include "soak/task.h"

namespace mesh {

struct KnownAgent {
  std::string handle;
  PublicKey key;
  bool revoked = false;
};

enum class Standing { kUnknown, kActive, kRevoked };

struct Trust {
  Standing to = Standing::kUnknown;
  std::string scope;  // Of the link between the two; empty if there is none.
};

class Registry {
 public:
  virtual ~Registry() = default;

  // nullopt if no agent has the key. Throws Problem(503, directory_unavailable).
  virtual soak::Task<std::optional<KnownAgent>> find_key(std::string keyid) = 0;
  virtual soak::Task<Trust> trust(std::string from, std::string to) = 0;
};

}  // namespace mesh

#endif  // MESH_REGISTRY_H_

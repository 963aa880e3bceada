// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_DIRECTORY_LOCAL_REGISTRY_H_
#define MESH_DIRECTORY_LOCAL_REGISTRY_H_

// The Directory of the same process.

#include <optional>
#include <string>

#include "mesh/directory/directory.h"
#include "mesh/registry.h"
#include "mesh/storage.h"
#include "soak/task.h"

namespace mesh {

class LocalRegistry final : public Registry {
 public:
  // Both outlive it.
  LocalRegistry(const Directory& directory, Storage& storage) : directory_(directory), storage_(storage) {}

  soak::Task<std::optional<KnownAgent>> find_key(std::string keyid) override {
    co_return storage_.read([&](const Records& records) { return directory_.find_key(records, keyid); });
  }
  soak::Task<Trust> trust(std::string from, std::string to) override {
    co_return storage_.read([&](const Records& records) { return directory_.trust(records, from, to); });
  }

 private:
  const Directory& directory_;
  Storage& storage_;
};

}  // namespace mesh

#endif  // MESH_DIRECTORY_LOCAL_REGISTRY_H_

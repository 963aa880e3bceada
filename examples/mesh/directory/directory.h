// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_DIRECTORY_DIRECTORY_H_
#define MESH_DIRECTORY_DIRECTORY_H_

// Who the agents are and whom they trust. No network and no clock: the caller has checked who asks, and runs each call
// in a transaction. What is refused throws Problem, and then nothing has changed.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/answer.h"
#include "mesh/identity.h"
#include "mesh/records.h"
#include "mesh/registry.h"

namespace mesh {

struct Registration {
  std::string handle;
  std::optional<PublicKey> key;
  std::string display_name;
  std::string description;
  std::vector<std::string> capabilities;
  std::string owner;
  std::string endpoint;
};

// Reads the body of a registration.
Registration registration_of(std::string_view body);

struct InviteTerms {
  std::string id;  // Chosen by the inviter.
  std::string scope;
  std::int64_t seconds = 0;
};

struct Verification {
  std::string handle;
  std::string keyid;
  std::string fingerprint;
  bool signed_by_registry = false;
  bool revoked = false;
};

class Directory {
 public:
  // `key` is the registry's; it outlives the Directory.
  explicit Directory(const PrivateKey& key) : key_(key) {}

  Answer enrol(Records& records, const Registration& registration, std::int64_t now_ms) const;
  Answer invite(Records& records, const std::string& inviter, const InviteTerms& terms, std::int64_t now_ms) const;
  Answer join(Records& records, const std::string& joiner, const std::string& token, std::int64_t now_ms) const;
  // Whether there was a link.
  bool unlink(Records& records, const std::string& agent, const std::string& peer) const;
  // Since when it is revoked, in ms.
  std::int64_t revoke(Records& records, const std::string& handle, const std::string& reason,
                      std::int64_t now_ms) const;

  std::string links(const Records& records, const std::string& agent) const;      // {"links": [...]}
  std::string identity(const Records& records, const std::string& handle) const;  // The identity document.
  std::string profile(const Records& records, const std::string& handle) const;   // As HTML.
  Verification verify(const Records& records, const std::string& handle) const;

  std::optional<KnownAgent> find_key(const Records& records, const std::string& keyid) const;
  Trust trust(const Records& records, const std::string& from, const std::string& to) const;

 private:
  std::string sign_identity(std::string_view document) const;

  const PrivateKey& key_;
};

}  // namespace mesh

#endif  // MESH_DIRECTORY_DIRECTORY_H_

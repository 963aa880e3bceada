// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_TLS_IDENTITY_H_
#define SOAK_NET_TLS_IDENTITY_H_

#include <string>

namespace soak::net {

// What a server proves itself with. Paths of PEM files, read when the server starts.
struct TlsIdentity {
  std::string certificate_file;  // The server's own certificate first, then those between it and the client's CA.
  std::string key_file;          // Without a passphrase.
};

}  // namespace soak::net

#endif  // SOAK_NET_TLS_IDENTITY_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_TLS_IDENTITY_H_
#define SOAK_NET_TLS_IDENTITY_H_

#include <string>

namespace soak::net {

// A server's certificate and key: paths of PEM files that are read when the server starts.
struct TlsIdentity {
  std::string certificate_file;  // The server's own certificate first, then the intermediates.
  std::string key_file;          // Without a passphrase.
};

}  // namespace soak::net

#endif  // SOAK_NET_TLS_IDENTITY_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_TLS_CONTEXT_H_
#define SOAK_LIB_NET_TLS_CONTEXT_H_

// How this library speaks TLS: one context of OpenSSL for all the clients of a loop that trust the same CAs, one for
// each server. Neither keeps sessions, and a connection has read and write buffers only while it uses them.

#include <string>
#include <string_view>

#include "lib/net/openssl.h"
#include "soak/net/tls_identity.h"

namespace soak::net {

// What the file holds; nothing for no file. Throws Error(Errc::kInvalidArgument) when it cannot be read.
std::string read_ca_file(const std::string& path);

// For clients that trust the CAs in `ca_pem`, or the system's if it is empty. `ca_file` is for messages. Throws
// Error(Errc::kInvalidArgument) when there is no certificate in it.
OwnedSslContext make_tls_client_context(const std::string& ca_pem, const std::string& ca_file);

// Throws Error(Errc::kInvalidArgument) naming the file that is wrong.
OwnedSslContext make_tls_server_context(const TlsIdentity& identity);

// OpenSSL's verification of the server's chain has come to one of its certificates: what is wrong with it for a client
// that wants `host`, or an empty text. `chain_ok` is OpenSSL's own word, which knows nothing of the host.
std::string certificate_failure(X509_STORE_CTX& chain, bool chain_ok, const std::string& host,
                                const std::string& ca_file);

// Why the handshake of a client's `ssl` failed, if not for the server's certificate. `system_error` is an errno or 0.
std::string handshake_failure(const SSL& ssl, std::string_view system_error);
// The same, of OpenSSL's own error.
std::string handshake_failure(unsigned long error, std::string_view system_error);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_TLS_CONTEXT_H_

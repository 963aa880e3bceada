// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_TEST_CA_H_
#define SOAK_NET_TEST_CA_H_

// A certificate authority created on demand. A test verifies `wss:` just as production does, and the repository holds
// no keys.
//
//   soak::net::TestCa ca;
//   soak::net::ServerOptions server_options;
//   server_options.tls = ca.issue({"localhost", "127.0.0.1"});
//   soak::net::WebSocketServer server(loop, server_options);
//   soak::net::ConnectOptions options;
//   options.ca_file = ca.ca_file();
//   auto socket = co_await soak::net::connect_websocket(loop, server.url(), options);
//
// Keys and serial numbers come from OpenSSL and validity from the system's clock, never from a loop, because TLS is
// real. It blocks for about a millisecond per certificate. Create it on any thread, and use it from one thread at a
// time.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "soak/net/tls_identity.h"

namespace soak::net {

enum class Validity : std::uint8_t {
  kCurrent,  // Valid since an hour ago, for 30 days.
  kExpired,  // Expired yesterday.
  kNotYet,   // Not valid before tomorrow.
};

class TestCa {
 public:
  // Makes the CA, and a directory for its files and those of its certificates, below the system's temporary one.
  // `name` is what messages about untrusted certificates will call it. Throws Error(Errc::kSystem) when a file
  // cannot be written.
  explicit TestCa(std::string name = "soak test CA");
  ~TestCa();  // Removes the directory.
  TestCa(const TestCa&) = delete;
  TestCa& operator=(const TestCa&) = delete;

  // The CA's own certificate, in PEM. Pass it to clients that should trust the CA: ConnectOptions::ca_file, `soak voice
  // --ca`, curl --cacert, SSL_CERT_FILE, NODE_EXTRA_CA_CERTS.
  const std::string& ca_file() const;

  // Issues a certificate for these DNS names and IP addresses (at least one), with its own key (EC P-256). The files
  // exist as long as the CA does. Throws Error(Errc::kInvalidArgument) for an invalid name.
  TlsIdentity issue(const std::vector<std::string>& names, Validity validity = Validity::kCurrent);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::net

#endif  // SOAK_NET_TEST_CA_H_

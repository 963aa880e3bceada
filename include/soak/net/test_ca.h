// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_TEST_CA_H_
#define SOAK_NET_TEST_CA_H_

// A certificate authority made when it is needed, so that `wss:` is verified in a test as it is in production,
// and no key is kept in a repository.
//
//   soak::net::TestCa ca;
//   soak::net::ServerOptions server_options;
//   server_options.tls = ca.issue({"localhost", "127.0.0.1"});
//   soak::net::WebSocketServer server(loop, server_options);
//   soak::net::ConnectOptions options;
//   options.ca_file = ca.ca_file();
//   auto socket = co_await soak::net::connect_websocket(loop, server.url(), options);
//
// Keys and serial numbers come from OpenSSL and validity from the system's clock, never from a loop: TLS is real.
// It blocks: a millisecond a certificate. Any thread may make one; one at a time may use it.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "soak/net/tls_identity.h"

namespace soak::net {

enum class Validity : std::uint8_t {
  kCurrent,  // Since an hour, for 30 days.
  kExpired,  // Since yesterday.
  kNotYet,   // Not before tomorrow.
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

  // The CA's own certificate, in PEM, for whoever is to trust it: ConnectOptions::ca_file, `soak voice --ca`, curl
  // --cacert, SSL_CERT_FILE, NODE_EXTRA_CA_CERTS.
  const std::string& ca_file() const;

  // A certificate for a server of these DNS names and IP addresses, one at least, with a key of its own (EC P-256).
  // The files live as long as the CA. Throws Error(Errc::kInvalidArgument) for what is no name.
  TlsIdentity issue(const std::vector<std::string>& names, Validity validity = Validity::kCurrent);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::net

#endif  // SOAK_NET_TEST_CA_H_

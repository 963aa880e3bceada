// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_TLS_OPTIONS_H_
#define SOAK_TOOLS_TLS_OPTIONS_H_

// How a fake provider is told to speak `wss:`.

#include <memory>
#include <string>

#include "command_line.h"
#include "soak/net/test_ca.h"
#include "soak/net/websocket_server.h"

namespace soak::tools {

struct TlsArguments {
  bool tls = false;
  std::string certificate_file;
  std::string key_file;
};

// --tls, --cert and --key.
void add_tls_options(CommandLine& command, TlsArguments& arguments);

// What the fake is to prove itself with; empty without TLS. For --tls alone it makes a CA, which has to live as long as
// the fake does, and its certificate for loopback. Throws Error when a file cannot be written.
net::TlsIdentity identity_of(const TlsArguments& arguments, std::unique_ptr<net::TestCa>& ca);

}  // namespace soak::tools

#endif  // SOAK_TOOLS_TLS_OPTIONS_H_

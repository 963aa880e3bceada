// SPDX-License-Identifier: Apache-2.0
#include "tls_options.h"

namespace soak::tools {

void add_tls_options(CommandLine& command, TlsArguments& arguments) {
  command.add_flag("--tls", arguments.tls,
                   "Use TLS, with a certificate for localhost, 127.0.0.1 and ::1 from a CA created for this run");
  CommandOption certificate =
      command.add_option("--cert", arguments.certificate_file,
                         "Use TLS with the certificates in this PEM file: the server's own, then the intermediates");
  CommandOption key = command.add_option("--key", arguments.key_file, "PEM file with the key of --cert");
  certificate.existing_file().needs(key);
  key.existing_file().needs(certificate);
}

net::TlsIdentity identity_of(const TlsArguments& arguments, std::unique_ptr<net::TestCa>& ca) {
  if (!arguments.certificate_file.empty()) {
    return {arguments.certificate_file, arguments.key_file};
  }
  if (!arguments.tls) {
    return {};
  }
  ca = std::make_unique<net::TestCa>();
  return ca->issue({"localhost", "127.0.0.1", "::1"});
}

}  // namespace soak::tools

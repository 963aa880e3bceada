// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_CA_FILE_H_
#define SOAK_LIB_NET_CA_FILE_H_

#include <string>

namespace soak::net {

// Throws Error(Errc::kInvalidArgument) where clients would: `path` cannot be read, or holds no certificate in PEM. An
// empty one stands for the system's.
void check_ca_file(const std::string& path);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_CA_FILE_H_

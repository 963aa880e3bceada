// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_PROVIDERS_SECRET_VARIABLE_H_
#define SOAK_TOOLS_PROVIDERS_SECRET_VARIABLE_H_

#include <string>

namespace soak::tools {

// The value of an environment variable that holds a secret, which no output will show; empty where it is not set.
// Throws Error(Errc::kInvalidArgument) for a value that no request could carry, such as one that ends in a line break.
std::string secret_variable(const char* name);

}  // namespace soak::tools

#endif  // SOAK_TOOLS_PROVIDERS_SECRET_VARIABLE_H_

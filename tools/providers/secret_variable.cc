// SPDX-License-Identifier: Apache-2.0
#include "tools/providers/secret_variable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "soak/detail/secrets.h"
#include "soak/error.h"

namespace soak::tools {

std::string secret_variable(const char* name) {
  const char* const set = std::getenv(name);
  const std::string_view value = set == nullptr ? "" : set;
  text::keep_secret(value);
  if (!std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c < '\x7f'; })) {
    throw Error(Errc::kInvalidArgument,
                fmt::format("the environment variable {} holds a space, a line break or another character that cannot "
                            "be sent: expected only visible ASCII",
                            name));
  }
  return std::string(value);
}

}  // namespace soak::tools

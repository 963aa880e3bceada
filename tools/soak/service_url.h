// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_SERVICE_URL_H_
#define SOAK_TOOLS_SERVICE_URL_H_

#include <string_view>

namespace soak::tools {

// True for a URL of another host than this one: what is there may charge for its sessions, and knows its users by keys.
// False for an empty one.
bool is_service(std::string_view url);

}  // namespace soak::tools

#endif  // SOAK_TOOLS_SERVICE_URL_H_

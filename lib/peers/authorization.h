// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_AUTHORIZATION_H_
#define SOAK_LIB_PEERS_AUTHORIZATION_H_

#include <string_view>

namespace soak::peers {

// The credentials in an Authorization header, "<scheme> <credentials>" (RFC 9110, section 11.4); empty if it is of
// another scheme. `scheme` is in lower case; the header's may be in any.
std::string_view credentials(std::string_view authorization, std::string_view scheme);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_AUTHORIZATION_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_LOOPBACK_H_
#define SOAK_NET_LOOPBACK_H_

// Checks whether a URL stays on this machine, so that traffic meant for a fake never reaches a real service.

#include <string_view>

namespace soak::net {

// True for localhost, 127.0.0.0/8 and [::1], with any scheme, user and port. False for anything else. It resolves no
// names.
bool is_loopback_url(std::string_view url);

}  // namespace soak::net

#endif  // SOAK_NET_LOOPBACK_H_

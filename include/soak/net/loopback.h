// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_LOOPBACK_H_
#define SOAK_NET_LOOPBACK_H_

// Whether a URL stays on this machine: what is meant for a fake must not reach a service.

#include <string_view>

namespace soak::net {

// True for localhost, 127.0.0.0/8 and [::1], whatever the scheme, user and port; false for anything else. No name is
// looked up.
bool is_loopback_url(std::string_view url);

}  // namespace soak::net

#endif  // SOAK_NET_LOOPBACK_H_

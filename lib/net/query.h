// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_QUERY_H_
#define SOAK_LIB_NET_QUERY_H_

#include <string>
#include <string_view>

namespace soak::net {

// The value of `name` in a URL's query, percent-decoded; empty if absent.
std::string query_value(std::string_view query, std::string_view name);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_QUERY_H_

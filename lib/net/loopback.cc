// SPDX-License-Identifier: Apache-2.0
#include "soak/net/loopback.h"

#include <cstddef>

namespace soak::net {
namespace {

// "[::1]" of "wss://user@[::1]:8443/v1".
std::string_view host_of(std::string_view url) {
  if (const std::size_t scheme = url.find("://"); scheme != std::string_view::npos) {
    url.remove_prefix(scheme + 3);
  }
  url = url.substr(0, url.find_first_of("/?#"));
  if (const std::size_t user = url.rfind('@'); user != std::string_view::npos) {
    url.remove_prefix(user + 1);
  }
  const std::size_t address_end = url.find(']');
  return address_end == std::string_view::npos ? url.substr(0, url.find(':')) : url.substr(0, address_end + 1);
}

bool is_ipv4_loopback(std::string_view host) {
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

bool is_loopback_url(std::string_view url) {
  const std::string_view host = host_of(url);
  return host == "localhost" || host == "[::1]" || is_ipv4_loopback(host);
}

}  // namespace soak::net

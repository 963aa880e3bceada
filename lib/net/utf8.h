// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_UTF8_H_
#define SOAK_LIB_NET_UTF8_H_

#include <cstddef>
#include <string_view>

namespace soak::net {

// Whether all of `text` is UTF-8 as RFC 3629 defines it: no surrogates, nothing overlong.
bool is_utf8(std::string_view text);

// `text` cut to at most `size_max` bytes, not within a character.
std::string_view cut_utf8(std::string_view text, std::size_t size_max);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_UTF8_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_BASE64_H_
#define SOAK_LIB_PEERS_BASE64_H_

// Base64 of RFC 4648, section 4: the standard alphabet, padded, without line breaks.

#include <cstddef>
#include <string>
#include <string_view>

namespace soak::peers::base64 {

// Appends to `out`.
void encode(std::string_view bytes, std::string& out);

// Puts the bytes into `out` in place of what it held, and keeps its capacity. False, with `out` undefined, for
// everything that encode() would not have written: another alphabet, missing or stray padding, whitespace, and
// bits behind the last byte that are not zero.
[[nodiscard]] bool decode(std::string_view text, std::string& out);

// The same for what protocol buffers take from JSON: the standard or the URL-safe alphabet, padded or not
// (protobuf.dev/programming-guides/json).
[[nodiscard]] bool decode_of_proto(std::string_view text, std::string& out);

}  // namespace soak::peers::base64

#endif  // SOAK_LIB_PEERS_BASE64_H_

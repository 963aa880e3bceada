// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_TEXT_BASE64_H_
#define SOAK_LIB_TEXT_BASE64_H_

// Base64 of RFC 4648, section 4: the standard alphabet, padded, without line breaks.
//
// Decoding is strict: it takes what append_base64() writes and nothing else. So another alphabet, white space, missing
// or stray padding are refused, and so are bits behind the last byte that are not zero ("QR==", "QUJ="), as section 3.5
// allows. The decoders of Python, Node and browsers, and so of many a provider, throw such bits away; but every encoder
// writes zeros, RFC 4648 demands it, so that other bits mean a piece of audio that was cut or damaged on its way.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace soak::text {

// How many characters this many bytes are.
constexpr std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

void append_base64(std::string& text, std::span<const std::byte> bytes);

// How many bytes `text` stands for; empty where decoding refuses it. Cheaper than decoding it.
std::optional<std::size_t> decoded_base64_size(std::string_view text);

// Appends the bytes that `text` stands for. False, with `bytes` as it was, where it is refused.
[[nodiscard]] bool decode_base64(std::string_view text, std::vector<std::byte>& bytes);
[[nodiscard]] bool decode_base64(std::string_view text, std::string& bytes);

// The same for what protocol buffers take from JSON: the standard or the URL-safe alphabet, padded or not
// (protobuf.dev/programming-guides/json).
[[nodiscard]] bool decode_proto_base64(std::string_view text, std::string& bytes);

}  // namespace soak::text

#endif  // SOAK_LIB_TEXT_BASE64_H_

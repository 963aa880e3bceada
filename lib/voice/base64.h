// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_VOICE_BASE64_H_
#define SOAK_LIB_VOICE_BASE64_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace soak::voice {

// Appends the standard, padded base64 of `bytes` (RFC 4648, section 4).
void append_base64(std::string& text, std::span<const std::byte> bytes);

// How many bytes the base64 text stands for; empty when it is none.
std::optional<std::size_t> base64_size(std::string_view text);

// Appends the bytes that the base64 text stands for; false, and nothing appended, when it is none.
[[nodiscard]] bool decode_base64(std::string_view text, std::vector<std::byte>& bytes);

}  // namespace soak::voice

#endif  // SOAK_LIB_VOICE_BASE64_H_

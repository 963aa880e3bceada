// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_ENCODING_H_
#define MESH_ENCODING_H_

// Bytes as text, and their SHA-256.

#include <optional>
#include <string>
#include <string_view>

namespace mesh {

std::string hex(std::string_view bytes);  // In lower case.

// RFC 4648, with padding. Decoding accepts nothing that encoding would not have written.
std::string base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

std::string base64url(std::string_view bytes);  // Without padding: for tokens in URLs and headers.

std::string sha256(std::string_view bytes);  // 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view bytes);

// Takes as long wherever the two differ: for tokens.
bool same_secret(std::string_view one, std::string_view other);

// For text and attributes of HTML.
std::string html(std::string_view text);

}  // namespace mesh

#endif  // MESH_ENCODING_H_

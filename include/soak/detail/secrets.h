// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_SECRETS_H_
#define SOAK_DETAIL_SECRETS_H_

// The secrets that this process was given, and texts without them. Ours: not part of the API.
//
// A peer may echo what it was sent: the key in an error, the URL in a close reason. So whoever is given a secret keeps
// it here, and whoever writes for people to read (soak::Error, the log, printable(), reports, metrics) leaves all of
// them out. Any thread may call these.

#include <string>
#include <string_view>

namespace soak::text {

// Shorter ones are kept out of nothing: they could be any word.
inline constexpr std::size_t kSecretBytesMin = 8;

// Keeps `secret` out of all outputs from now on. Of many secrets, the 1,024 that were given last.
void keep_secret(std::string_view secret);

// `text` with "***" in place of each secret: as it is, percent-encoded or with JSON's escapes (also in part), and in
// base64, also within a longer base64 text. A text that was cut within a secret loses the beginning of it, too.
std::string without_secrets(std::string_view text);

// Whether a field of this name, in a query or a header, holds a secret: "api_key", "access_token", "X-Amz-Signature".
bool is_secret_name(std::string_view name);

}  // namespace soak::text

#endif  // SOAK_DETAIL_SECRETS_H_

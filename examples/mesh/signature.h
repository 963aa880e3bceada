// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_SIGNATURE_H_
#define MESH_SIGNATURE_H_

// HTTP message signatures (RFC 9421) with Ed25519, and the digest of the body (RFC 9530), in the profile of
// PROTOCOL.md. Pure: time and nonces come from the caller.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/identity.h"
#include "soak/net/headers.h"
#include "soak/net/http.h"

namespace mesh {

// What of a request can be signed.
struct SignableRequest {
  std::string method;
  std::string scheme = "http";
  std::string authority;  // As in Host.
  std::string path;
  std::string query;  // Without the question mark.
  soak::net::Headers headers;
};

// Throws Error(Errc::kInvalidArgument) if the URL is not http: or https:.
SignableRequest signable(const soak::net::HttpRequest& request);
SignableRequest signable(const soak::net::HttpServerRequest& request);

// A signature of a request, read but not verified.
struct MessageSignature {
  std::vector<std::string> components;  // "@method", "content-digest".
  std::string parameters;               // The canonical value of @signature-params.
  std::optional<std::int64_t> created;  // Unix time in seconds.
  std::optional<std::int64_t> expires;
  std::string keyid;
  std::string nonce;
  std::string alg;
  std::string signature;  // Raw bytes.
};

// Reads the signature called `label`, or, without a label, the only one. Throws Problem(401): signature_missing, or
// signature_invalid, which says what is wrong with the fields.
MessageSignature read_signature(const soak::net::Headers& headers, std::string_view label = {});

// The text that is signed. nullopt, and why, if a component is not in the request or not supported.
struct SignatureBase {
  std::optional<std::string> text;
  std::string problem;
};
SignatureBase signature_base(const SignableRequest& request, const std::vector<std::string>& components,
                             std::string_view parameters);

// Checks all but time and nonce: what must be covered and present, the digest of the body, the signature. Throws
// Problem(401).
void check_profile(const MessageSignature& signature, std::string_view body, const soak::net::Headers& headers);
void verify_signature(const MessageSignature& signature, const SignableRequest& request, const PublicKey& key);

std::string content_digest(std::string_view body);  // "sha-256=:...:"

struct SignatureStamp {
  std::int64_t created;  // Unix time in seconds.
  std::string nonce;
};

// Adds Content-Digest (if there is a body), Signature-Input and Signature, in place of those from before.
void sign(soak::net::HttpRequest& request, const PrivateKey& key, const SignatureStamp& stamp);

}  // namespace mesh

#endif  // MESH_SIGNATURE_H_

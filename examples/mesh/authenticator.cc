// SPDX-License-Identifier: Apache-2.0
#include "mesh/authenticator.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "mesh/problem.h"

namespace mesh {
namespace {

constexpr std::string_view kNonces = "nonce";
constexpr std::size_t kPruneAtOnce = 4;

// Sorts by time: none of the times that are accepted is negative, or has more digits.
std::string nonce_key(std::int64_t created, std::string_view rest) { return fmt::format("{:015}/{}", created, rest); }

}  // namespace

Authenticator::Authenticator(soak::EventLoop& loop, Storage& storage, Registry& registry)
    : loop_(loop), registry_(registry) {
  constexpr std::size_t kPage = 1000;
  std::string after;
  for (;;) {
    const std::vector<Record> page =
        storage.read([&](const Records& records) { return records.list(kNonces, "", after, kPage); });
    for (const Record& record : page) {
      nonces_.insert(record.key);
    }
    if (page.size() < kPage) {
      break;
    }
    after = page.back().key;
  }
}

soak::Task<Caller> Authenticator::check(const soak::net::HttpServerRequest& request) {
  const MessageSignature signature = read(request);
  soak::Task<std::optional<KnownAgent>> finding = registry_.find_key(signature.keyid);
  const std::optional<KnownAgent> agent = co_await std::move(finding);
  if (!agent) {
    throw Problem(401, "unknown_key", "no agent has the key " + signature.keyid);
  }
  if (agent->revoked) {
    throw Problem(403, "revoked", agent->handle + " is revoked");
  }
  verify_signature(signature, signable(request), agent->key);
  Caller caller;
  caller.handle = agent->handle;
  caller.nonce = take_nonce(signature);
  co_return caller;
}

Caller Authenticator::check_new(const soak::net::HttpServerRequest& request, const PublicKey& key) {
  const MessageSignature signature = read(request);
  if (signature.keyid != key.keyid()) {
    throw Problem(401, "signature_invalid", "keyid: expected the SHA-256 of public_key in hex");
  }
  verify_signature(signature, signable(request), key);
  return {{}, take_nonce(signature)};
}

void Authenticator::remember(Records& records, const Caller& caller) const {
  records.put(kNonces, caller.nonce, "");
  const std::string oldest = nonce_key(now_seconds() - kSkewSeconds, "");
  for (const Record& record : records.list(kNonces, "", "", kPruneAtOnce)) {
    if (record.key < oldest) {
      records.remove(kNonces, record.key);
    }
  }
}

MessageSignature Authenticator::read(const soak::net::HttpServerRequest& request) const {
  MessageSignature signature = read_signature(request.headers);
  check_profile(signature, request.body, request.headers);
  const std::int64_t now = now_seconds();
  const std::int64_t created = signature.created.value_or(0);
  if (created < 0 || created < now - kSkewSeconds || created > now + kSkewSeconds ||
      (signature.expires && *signature.expires < now)) {
    Problem problem(401, "clock_skew",
                    fmt::format("created is {} s off this clock, expected at most {}, and not expired", created - now,
                                kSkewSeconds));
    problem.with_now(now);
    throw problem;
  }
  return signature;
}

std::string Authenticator::take_nonce(const MessageSignature& signature) {
  nonces_.erase(nonces_.begin(), nonces_.lower_bound(nonce_key(now_seconds() - kSkewSeconds, "")));
  std::string key = nonce_key(signature.created.value_or(0), signature.keyid + "/" + signature.nonce);
  if (!nonces_.insert(key).second) {
    throw Problem(401, "replayed", "this signature was used before: sign each attempt anew");
  }
  return key;
}

std::int64_t Authenticator::now_seconds() const {
  return std::chrono::duration_cast<std::chrono::seconds>(loop_.wall_now().time_since_epoch()).count();
}

}  // namespace mesh

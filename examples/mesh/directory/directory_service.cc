// SPDX-License-Identifier: Apache-2.0
#include "mesh/directory/directory_service.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "mesh/answer.h"
#include "mesh/encoding.h"
#include "mesh/json.h"
#include "mesh/problem.h"

namespace mesh {
namespace {

constexpr std::int64_t kInviteSecondsMax = 7 * 24 * 3600;

// Whether the request has "Authorization: Bearer <token>".
bool bears(const soak::net::HttpServerRequest& request, const std::string& token) {
  return !token.empty() && same_secret(request.headers.get("Authorization"), "Bearer " + token);
}

std::string handle_in(const Call& call, std::size_t at) {
  if (!is_handle(call.captures[at])) {
    throw Problem(404, "unknown_agent", "expected a handle, such as @ada, in the path");
  }
  return call.captures[at];
}

}  // namespace

DirectoryService::DirectoryService(soak::EventLoop& loop, Storage& storage, const PrivateKey& registry_key,
                                   DirectoryOptions options, Router& routes)
    : loop_(loop),
      storage_(storage),
      key_(registry_key),
      options_(std::move(options)),
      directory_(registry_key),
      registry_(directory_, storage),
      authenticator_(loop, storage, registry_),
      leases_(loop) {
  add(routes, "POST", "/v1/agents", &DirectoryService::enrol);
  add(routes, "POST", "/v1/agents/{}/revoke", &DirectoryService::revoke);
  add(routes, "POST", "/v1/invites", &DirectoryService::invite);
  add(routes, "POST", "/v1/links", &DirectoryService::join);
  add(routes, "GET", "/v1/links", &DirectoryService::links);
  add(routes, "DELETE", "/v1/links/{}", &DirectoryService::unlink);
  add(routes, "GET", "/.well-known/agent/{}.json", &DirectoryService::identity);
  add(routes, "GET", "/a/{}", &DirectoryService::profile);
  add(routes, "GET", "/v1/verify/{}", &DirectoryService::verify);
  add(routes, "GET", "/v1/registry", &DirectoryService::registry_key);
  add(routes, "GET", "/v1/keys/{}", &DirectoryService::key);
  add(routes, "GET", "/v1/trust/{}/{}", &DirectoryService::trust);
}

void DirectoryService::add(Router& routes, std::string_view method, std::string_view path,
                           Reply (DirectoryService::*handler)(Call)) {
  routes.add(method, path, [this, handler](Call call) { return (this->*handler)(std::move(call)); });
}

std::int64_t DirectoryService::now_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(loop_.wall_now().time_since_epoch()).count();
}

DirectoryService::Reply DirectoryService::enrol(Call call) {
  if (!options_.registration_token.empty() && !bears(call.request, options_.registration_token)) {
    throw Problem(401, "token_required", "expected Authorization: Bearer and the registration token of this Directory");
  }
  const Registration registration = registration_of(call.request.body);
  const Caller caller = authenticator_.check_new(call.request, registration.key.value());
  soak::Task<Answer> writing = storage_.write([&](Records& records) {
    authenticator_.remember(records, caller);
    return directory_.enrol(records, registration, now_ms());
  });
  Answer answer = co_await std::move(writing);
  co_return reply_of(std::move(answer));
}

DirectoryService::Reply DirectoryService::invite(Call call) {
  soak::Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const JsonObject body(call.request.body);
  InviteTerms terms;
  terms.id = body.id();
  terms.scope = body.name("scope", 16);
  if (terms.scope != "query" && terms.scope != "mirror") {
    throw Problem::field("scope", "query or mirror");
  }
  terms.seconds = body.integer("seconds", 1, kInviteSecondsMax);
  body.end();
  soak::Task<Answer> writing = storage_.write([&](Records& records) {
    authenticator_.remember(records, caller);
    return directory_.invite(records, caller.handle, terms, now_ms());
  });
  Answer answer = co_await std::move(writing);
  co_return reply_of(std::move(answer));
}

DirectoryService::Reply DirectoryService::join(Call call) {
  soak::Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const JsonObject body(call.request.body);
  const std::string token = body.name("token", 128);
  body.end();
  soak::Task<Answer> writing = storage_.write([&](Records& records) {
    authenticator_.remember(records, caller);
    return directory_.join(records, caller.handle, token, now_ms());
  });
  Answer answer = co_await std::move(writing);
  co_return reply_of(std::move(answer));
}

DirectoryService::Reply DirectoryService::links(Call call) {
  soak::Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  co_return json_reply(200,
                       storage_.read([&](const Records& records) { return directory_.links(records, caller.handle); }));
}

DirectoryService::Reply DirectoryService::unlink(Call call) {
  soak::Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const std::string peer = handle_in(call, 0);
  soak::Task<bool> writing = storage_.write([&](Records& records) {
    authenticator_.remember(records, caller);
    return directory_.unlink(records, caller.handle, peer);
  });
  const bool removed = co_await std::move(writing);
  co_await soak::sleep_until(std::max(leases_.end(caller.handle), leases_.end(peer)));
  co_return json_reply(200, JsonText().boolean("removed", removed).object());
}

DirectoryService::Reply DirectoryService::revoke(Call call) {
  const std::string handle = handle_in(call, 0);
  Caller caller;
  const bool by_operator = bears(call.request, options_.admin_token);
  if (!by_operator) {
    soak::Task<Caller> checking = authenticator_.check(call.request);
    const Caller checked = co_await std::move(checking);
    caller = checked;
    if (caller.handle != handle) {
      throw Problem(403, "not_yours", "an agent revokes itself; for others, the admin token is needed");
    }
  }
  const JsonObject body(call.request.body);
  const std::string reason = body.optional_name("reason", 256);
  body.end();
  soak::Task<std::int64_t> writing = storage_.write([&](Records& records) {
    if (!by_operator) {
      authenticator_.remember(records, caller);
    }
    return directory_.revoke(records, handle, reason, now_ms());
  });
  const std::int64_t since = co_await std::move(writing);
  // Until then, a service may still believe what it was told before.
  co_await soak::sleep_until(leases_.end(handle));
  co_return json_reply(200,
                       JsonText().text("handle", handle).text("trust", "revoked").integer("since", since).object());
}

DirectoryService::Reply DirectoryService::identity(Call call) {
  const std::string handle = handle_in(call, 0);
  co_return json_reply(200,
                       storage_.read([&](const Records& records) { return directory_.identity(records, handle); }));
}

DirectoryService::Reply DirectoryService::profile(Call call) {
  const std::string handle = handle_in(call, 0);
  co_return html_reply(storage_.read([&](const Records& records) { return directory_.profile(records, handle); }));
}

DirectoryService::Reply DirectoryService::verify(Call call) {
  const std::string handle = handle_in(call, 0);
  const Verification verification =
      storage_.read([&](const Records& records) { return directory_.verify(records, handle); });
  co_return json_reply(200, JsonText()
                                .text("handle", handle)
                                .boolean("verified", verification.signed_by_registry && !verification.revoked)
                                .text("trust", verification.revoked ? "revoked" : "active")
                                .text("keyid", verification.keyid)
                                .text("fingerprint", verification.fingerprint)
                                .text("registry_keyid", key_.public_key().keyid())
                                .integer("at", now_ms())
                                .object());
}

DirectoryService::Reply DirectoryService::registry_key(Call /*call*/) {
  co_return json_reply(200, JsonText()
                                .text("algorithm", "ed25519")
                                .text("keyid", key_.public_key().keyid())
                                .text("public_key", key_.public_key().base64())
                                .object());
}

DirectoryService::Reply DirectoryService::key(Call call) {
  const std::string& keyid = call.captures[0];
  const std::optional<KnownAgent> agent =
      storage_.read([&](const Records& records) { return directory_.find_key(records, keyid); });
  if (!agent) {
    throw Problem(404, "unknown_agent", "no agent has this key");
  }
  leases_.give(agent->handle);
  co_return json_reply(200, JsonText()
                                .text("handle", agent->handle)
                                .text("keyid", agent->key.keyid())
                                .text("public_key", agent->key.base64())
                                .text("trust", agent->revoked ? "revoked" : "active")
                                .integer("lease_ms", Leases::kDuration.count())
                                .object());
}

DirectoryService::Reply DirectoryService::trust(Call call) {
  const std::string from = handle_in(call, 0);
  const std::string to = handle_in(call, 1);
  const Trust trust = storage_.read([&](const Records& records) { return directory_.trust(records, from, to); });
  if (trust.to != Standing::kUnknown) {
    leases_.give(to);
  }
  if (!trust.scope.empty()) {
    leases_.give(from);
  }
  const char* const standing =
      trust.to == Standing::kActive ? "active" : (trust.to == Standing::kRevoked ? "revoked" : "unknown");
  co_return json_reply(200, JsonText()
                                .text("from", from)
                                .text("to", to)
                                .text("to_trust", standing)
                                .text("scope", trust.scope)
                                .integer("lease_ms", Leases::kDuration.count())
                                .object());
}

}  // namespace mesh

// SPDX-License-Identifier: Apache-2.0
#include "mesh/directory/directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>

#include "mesh/encoding.h"
#include "mesh/json.h"
#include "mesh/problem.h"

namespace mesh {
namespace {

// The kinds of records, and their keys:
constexpr std::string_view kAgents = "agent";         // handle
constexpr std::string_view kIdentities = "identity";  // handle: the signed document, as it is served
constexpr std::string_view kKeys = "key";             // keyid: the handle
constexpr std::string_view kInvites = "invite";       // SHA-256 of the token
constexpr std::string_view kInviteIds = "invite_id";  // inviter/id: the SHA-256 of the token
constexpr std::string_view kLinks = "link";           // agent/peer, for both directions

constexpr std::size_t kFingerprintDigits = 32;
constexpr std::size_t kLinksMax = 10000;
constexpr std::int64_t kTimeMax = std::int64_t{1} << 53;

// Who an agent is, apart from what its document says.
struct Agent {
  std::string keyid;
  std::string public_key;
  std::string content;  // Of its registration: what a repetition must match.
  std::int64_t issued = 0;
  std::int64_t revoked = 0;  // 0: it is not.
};

std::string encode(const Agent& agent) {
  return JsonText()
      .text("keyid", agent.keyid)
      .text("public_key", agent.public_key)
      .text("content", agent.content)
      .integer("issued", agent.issued)
      .integer("revoked", agent.revoked)
      .object();
}

std::optional<Agent> find_agent(const Records& records, const std::string& handle) {
  const std::optional<std::string> json = records.get(kAgents, handle);
  if (!json) {
    return std::nullopt;
  }
  const JsonObject object(*json);
  return Agent{object.name("keyid", 64), object.name("public_key", 64), object.name("content", 64),
               object.integer("issued", 0, kTimeMax), object.integer("revoked", 0, kTimeMax)};
}

Agent agent_of(const Records& records, const std::string& handle) {
  std::optional<Agent> agent = find_agent(records, handle);
  if (!agent) {
    throw Problem(404, "unknown_agent", fmt::format("there is no agent {}", handle));
  }
  return std::move(*agent);
}

struct Invite {
  std::string inviter;
  std::string id;
  std::string scope;
  std::int64_t seconds = 0;
  std::int64_t expires = 0;
  std::string joiner;  // Empty: nobody yet.
  std::int64_t since = 0;
};

std::string encode(const Invite& invite) {
  return JsonText()
      .text("inviter", invite.inviter)
      .text("id", invite.id)
      .text("scope", invite.scope)
      .integer("seconds", invite.seconds)
      .integer("expires", invite.expires)
      .text("joiner", invite.joiner)
      .integer("since", invite.since)
      .object();
}

Invite decode_invite(const std::string& json) {
  const JsonObject object(json);
  Invite invite;
  invite.inviter = object.handle("inviter");
  invite.id = object.id();
  invite.scope = object.name("scope", 16);
  invite.seconds = object.integer("seconds", 0, kTimeMax);
  invite.expires = object.integer("expires", 0, kTimeMax);
  invite.joiner = object.optional_name("joiner", 64);
  invite.since = object.integer("since", 0, kTimeMax);
  return invite;
}

std::string link_json(const std::string& peer, const std::string& scope, std::int64_t since) {
  return JsonText().text("peer", peer).text("scope", scope).integer("since", since).object();
}

std::string pair_key(const std::string& one, const std::string& other) { return one + "/" + other; }

std::string names_json(const std::vector<std::string>& names) {
  std::vector<std::string> in_json;
  for (const std::string& name : names) {
    in_json.push_back(json_string(name));
  }
  return json_array(in_json);
}

// What a repeated registration must match.
std::string content_of(const Registration& registration) {
  return hex(sha256(json_array({json_string(registration.display_name), json_string(registration.description),
                                names_json(registration.capabilities), json_string(registration.owner),
                                json_string(registration.endpoint)})));
}

bool is_domain(std::string_view text) {
  return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == std::string_view::npos;
}

}  // namespace

Registration registration_of(std::string_view body) {
  const JsonObject object(body);
  Registration registration;
  registration.handle = object.handle("handle");
  registration.key = PublicKey::from_base64(object.name("public_key", 64));
  if (!registration.key) {
    throw Problem::field("public_key", "the 32 bytes of an Ed25519 key in base64");
  }
  registration.display_name = object.optional_name("display_name", 64);
  registration.description = object.optional_name("description", 512);
  registration.capabilities = object.names("capabilities", 32, 64);
  registration.owner = object.optional_name("owner", 253);
  if (!is_domain(registration.owner)) {
    throw Problem::field("owner", "a domain in lower case");
  }
  registration.endpoint = object.optional_name("endpoint", 512);
  if (!registration.endpoint.empty() && registration.endpoint.rfind("http://", 0) != 0 &&
      registration.endpoint.rfind("https://", 0) != 0) {
    throw Problem::field("endpoint", "an http: or https: URL");
  }
  object.end();
  return registration;
}

std::string Directory::sign_identity(std::string_view document) const {
  const std::string signature = key_.sign(document);
  const std::string of_registry = JsonText()
                                      .text("algorithm", "ed25519")
                                      .text("keyid", key_.public_key().keyid())
                                      .text("signature", base64(signature))
                                      .text("fingerprint", hex(sha256(signature)).substr(0, kFingerprintDigits))
                                      .object();
  return JsonText().raw("document", document).raw("registry_signature", of_registry).object();
}

Answer Directory::enrol(Records& records, const Registration& registration, std::int64_t now_ms) const {
  const PublicKey& key = registration.key.value();
  const std::string content = content_of(registration);
  const std::optional<Agent> taken = find_agent(records, registration.handle);
  std::int64_t issued = now_ms;
  if (taken) {
    if (taken->keyid != key.keyid()) {
      throw Problem(409, "handle_taken", fmt::format("{} belongs to another key", registration.handle));
    }
    if (taken->revoked != 0) {
      throw Problem(403, "revoked", fmt::format("{} is revoked", registration.handle));
    }
    if (taken->content != content) {
      throw Problem(409, "id_reused", fmt::format("{} is registered with other content", registration.handle));
    }
    issued = taken->issued;
  } else {
    if (const std::optional<std::string> other = records.get(kKeys, key.keyid())) {
      throw Problem(409, "key_taken", fmt::format("the key belongs to {}", *other));
    }
    const std::map<std::string, std::string> members = {
        {"algorithm", json_string("ed25519")},
        {"bindings", "[]"},
        {"capabilities", names_json(registration.capabilities)},
        {"description", json_string(registration.description)},
        {"display_name", json_string(registration.display_name)},
        {"endpoint", json_string(registration.endpoint)},
        {"handle", json_string(registration.handle)},
        {"identity_mode", json_string("public")},
        {"issued", std::to_string(now_ms)},
        {"keyid", json_string(key.keyid())},
        {"owner", json_string(registration.owner)},
        {"public_key", json_string(key.base64())},
        {"registry_keyid", json_string(key_.public_key().keyid())},
        {"trust", json_string("active")},
        {"version", "1"},
    };
    records.put(kIdentities, registration.handle, sign_identity(canonical_object(members)));
    records.put(kAgents, registration.handle, encode(Agent{key.keyid(), key.base64(), content, now_ms, 0}));
    records.put(kKeys, key.keyid(), registration.handle);
  }
  std::map<std::string, std::string> credential = {
      {"handle", json_string(registration.handle)},
      {"issued", std::to_string(issued)},
      {"keyid", json_string(key.keyid())},
      {"registry_keyid", json_string(key_.public_key().keyid())},
  };
  const std::string signature = base64(key_.sign(canonical_object(credential)));
  credential.emplace("signature", json_string(signature));
  Answer answer;
  answer.created = !taken;
  answer.body.raw("identity", records.get(kIdentities, registration.handle).value());
  answer.body.raw("credential", canonical_object(credential));
  return answer;
}

Answer Directory::invite(Records& records, const std::string& inviter, const InviteTerms& terms,
                         std::int64_t now_ms) const {
  // Follows from who invites and the id, so that a repeated request gets it again and no database holds it.
  const std::string token =
      "mesh_inv_" + base64url(hmac_sha256(key_.derive("mesh invite tokens"), pair_key(inviter, terms.id)));
  const std::string hash = hex(sha256(token));
  Invite invite{inviter, terms.id, terms.scope, terms.seconds, now_ms + 1000 * terms.seconds, {}, 0};
  Answer answer;
  if (const std::optional<std::string> json = records.get(kInvites, hash)) {
    const Invite first = decode_invite(*json);
    if (first.scope != terms.scope || first.seconds != terms.seconds) {
      throw Problem(409, "id_reused", fmt::format("the invite {} exists with other terms", terms.id));
    }
    invite = first;
    answer.created = false;
  } else {
    records.put(kInvites, hash, encode(invite));
    records.put(kInviteIds, pair_key(inviter, terms.id), hash);
  }
  answer.body.text("id", terms.id).text("token", token).text("scope", invite.scope).integer("expires", invite.expires);
  return answer;
}

Answer Directory::join(Records& records, const std::string& joiner, const std::string& token,
                       std::int64_t now_ms) const {
  const std::string hash = hex(sha256(token));
  const std::optional<std::string> json = records.get(kInvites, hash);
  if (!json) {
    throw Problem(404, "unknown_invite", "there is no such invite");
  }
  Invite invite = decode_invite(*json);
  if (invite.inviter == joiner) {
    throw Problem(409, "own_invite", "an agent does not join itself");
  }
  if (agent_of(records, invite.inviter).revoked != 0) {
    throw Problem(403, "revoked", fmt::format("{}, who invited, is revoked", invite.inviter));
  }
  Answer answer;
  if (!invite.joiner.empty()) {
    if (invite.joiner != joiner) {
      throw Problem(409, "invite_used", "another agent has joined with this invite");
    }
    answer.created = false;
  } else {
    if (invite.expires <= now_ms) {
      throw Problem(410, "invite_expired", "the time of this invite is over");
    }
    invite.joiner = joiner;
    invite.since = now_ms;
    records.put(kInvites, hash, encode(invite));
    records.put(kLinks, pair_key(joiner, invite.inviter), link_json(invite.inviter, invite.scope, invite.since));
    records.put(kLinks, pair_key(invite.inviter, joiner), link_json(joiner, invite.scope, invite.since));
  }
  answer.body.raw("link", link_json(invite.inviter, invite.scope, invite.since));
  return answer;
}

bool Directory::unlink(Records& records, const std::string& agent, const std::string& peer) const {
  const bool linked = records.get(kLinks, pair_key(agent, peer)).has_value();
  records.remove(kLinks, pair_key(agent, peer));
  records.remove(kLinks, pair_key(peer, agent));
  return linked;
}

std::int64_t Directory::revoke(Records& records, const std::string& handle, const std::string& reason,
                               std::int64_t now_ms) const {
  Agent agent = agent_of(records, handle);
  if (agent.revoked != 0) {
    return agent.revoked;
  }
  agent.revoked = now_ms;
  records.put(kAgents, handle, encode(agent));
  const JsonObject served(records.get(kIdentities, handle).value());
  std::string document = served.object("document", SIZE_MAX);
  // The document is ours, in canonical form: its last members are "trust" and "version".
  const std::string_view active = R"("trust":"active")";
  document.replace(document.rfind(active), active.size(),
                   fmt::format(R"("revoked":{},"revoked_reason":{},"trust":"revoked")", now_ms, json_string(reason)));
  records.put(kIdentities, handle, sign_identity(document));
  return now_ms;
}

std::string Directory::links(const Records& records, const std::string& agent) const {
  std::vector<std::string> active;
  for (const Record& link : records.list(kLinks, agent + "/", "", kLinksMax)) {
    const std::string peer = link.key.substr(agent.size() + 1);
    const std::optional<Agent> known = find_agent(records, peer);
    if (known && known->revoked == 0) {
      active.push_back(link.value);
    }
  }
  return JsonText().raw("links", json_array(active)).object();
}

std::string Directory::identity(const Records& records, const std::string& handle) const {
  agent_of(records, handle);
  return records.get(kIdentities, handle).value();
}

std::string Directory::profile(const Records& records, const std::string& handle) const {
  const Verification verification = verify(records, handle);
  const JsonObject served(identity(records, handle));
  const JsonObject document(served.object("document", SIZE_MAX));
  const auto row = [](std::string_view name, std::string_view value) {
    return value.empty() ? std::string() : fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html(value));
  };
  std::string capabilities;
  for (const std::string& capability : document.names("capabilities", 32, 64)) {
    capabilities += (capabilities.empty() ? "" : ", ") + capability;
  }
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title></head>\n<body><h1>{0}</h1>\n"
      "<dl>\n{1}{2}{3}{4}{5}{6}{7}{8}</dl>\n</body></html>\n",
      html(handle), row("Name", document.optional_name("display_name", 64)),
      row("Description", document.optional_name("description", 512)), row("Capabilities", capabilities),
      row("Owner", document.optional_name("owner", 253)), row("Endpoint", document.optional_name("endpoint", 512)),
      row("Trust", verification.revoked ? "revoked" : "active"),
      row("Registry signature", verification.signed_by_registry ? "verified" : "not verified"),
      row("Fingerprint", verification.fingerprint));
}

Verification Directory::verify(const Records& records, const std::string& handle) const {
  const Agent agent = agent_of(records, handle);
  const JsonObject served(records.get(kIdentities, handle).value());
  const JsonObject of_registry(served.object("registry_signature", SIZE_MAX));
  const std::optional<std::string> signature = from_base64(of_registry.name("signature", 128));
  Verification verification;
  verification.handle = handle;
  verification.keyid = agent.keyid;
  verification.fingerprint = of_registry.name("fingerprint", 64);
  verification.signed_by_registry =
      signature && key_.public_key().verify(served.object("document", SIZE_MAX), *signature);
  verification.revoked = agent.revoked != 0;
  return verification;
}

std::optional<KnownAgent> Directory::find_key(const Records& records, const std::string& keyid) const {
  const std::optional<std::string> handle = records.get(kKeys, keyid);
  if (!handle) {
    return std::nullopt;
  }
  const Agent agent = agent_of(records, *handle);
  std::optional<PublicKey> key = PublicKey::from_base64(agent.public_key);
  return key ? std::optional(KnownAgent{*handle, std::move(*key), agent.revoked != 0}) : std::nullopt;
}

Trust Directory::trust(const Records& records, const std::string& from, const std::string& to) const {
  const std::optional<Agent> agent = find_agent(records, to);
  Trust trust;
  if (!agent) {
    return trust;
  }
  trust.to = agent->revoked != 0 ? Standing::kRevoked : Standing::kActive;
  if (const std::optional<std::string> link = records.get(kLinks, pair_key(from, to))) {
    const JsonObject object(*link);
    trust.scope = object.name("scope", 16);
  }
  return trust;
}

}  // namespace mesh

// SPDX-License-Identifier: Apache-2.0
#include "mesh/remote_registry.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "mesh/problem.h"
#include "soak/net/http.h"

namespace mesh {
namespace {

constexpr std::size_t kRememberedMax = 10000;
constexpr std::int64_t kLeaseMsMax = 60000;

soak::net::HttpClientOptions client_options() {
  soak::net::HttpClientOptions client;
  client.connect_timeout = std::chrono::seconds{2};
  client.timeout = std::chrono::seconds{5};
  client.proxy = "";
  return client;
}

Problem unavailable(std::string_view why) {
  Problem problem(503, "directory_unavailable", fmt::format("the Directory does not answer: {}", why));
  problem.with_retry_after(1);
  return problem;
}

// What the Directory of another version might answer is its failure, not that of whoever sent us a request.
template <typename Read>
auto read_answer(const std::string& json, Read read) {
  try {
    return read(JsonObject(json));
  } catch (const Problem& problem) {
    throw unavailable(problem.what());
  }
}

// Makes room by forgetting what has run out; if that is not enough, everything.
template <typename Map>
void make_room(Map& map, soak::Instant now) {
  if (map.size() < kRememberedMax) {
    return;
  }
  std::erase_if(map, [&](const auto& entry) { return entry.second.end <= now; });
  if (map.size() >= kRememberedMax) {
    map.clear();
  }
}

}  // namespace

RemoteRegistry::RemoteRegistry(soak::EventLoop& loop, std::string directory_url)
    : loop_(loop), directory_url_(std::move(directory_url)), client_(loop, client_options()) {}

soak::Task<std::optional<KnownAgent>> RemoteRegistry::find_key(std::string keyid) {
  const soak::Instant asked = loop_.now();
  const auto known = agents_.find(keyid);
  if (known != agents_.end() && asked < known->second.end) {
    co_return known->second.value;
  }
  soak::Task<std::optional<std::string>> asking = get("/v1/keys/" + keyid);
  const std::optional<std::string> json = co_await std::move(asking);
  if (!json) {
    co_return std::nullopt;
  }
  Leased<KnownAgent> leased = read_answer(*json, [&](const JsonObject& object) {
    std::optional<PublicKey> key = PublicKey::from_base64(object.name("public_key", 64));
    if (!key || key->keyid() != keyid) {
      throw unavailable("it gave another key than the one asked for");
    }
    return Leased<KnownAgent>{{object.handle("handle"), std::move(*key), object.name("trust", 16) != "active"},
                              asked + std::chrono::milliseconds{object.integer("lease_ms", 0, kLeaseMsMax)}};
  });
  make_room(agents_, asked);
  agents_.insert_or_assign(keyid, leased);
  co_return std::move(leased.value);
}

soak::Task<Trust> RemoteRegistry::trust(std::string from, std::string to) {
  const soak::Instant asked = loop_.now();
  const std::string pair = from + "/" + to;
  const auto known = trusts_.find(pair);
  if (known != trusts_.end() && asked < known->second.end) {
    co_return known->second.value;
  }
  soak::Task<std::optional<std::string>> asking = get("/v1/trust/" + pair);
  const std::optional<std::string> json = co_await std::move(asking);
  if (!json) {
    throw unavailable("it knows no /v1/trust");
  }
  const Leased<Trust> leased = read_answer(*json, [&](const JsonObject& object) {
    const std::string standing = object.name("to_trust", 16);
    Trust trust;
    trust.to =
        standing == "active" ? Standing::kActive : (standing == "revoked" ? Standing::kRevoked : Standing::kUnknown);
    trust.scope = object.optional_name("scope", 16);
    return Leased<Trust>{trust, asked + std::chrono::milliseconds{object.integer("lease_ms", 0, kLeaseMsMax)}};
  });
  // That there is no link, or no such agent, may change at any time: nobody waits for it.
  if (!leased.value.scope.empty()) {
    make_room(trusts_, asked);
    trusts_.insert_or_assign(pair, leased);
  }
  co_return leased.value;
}

soak::Task<std::optional<std::string>> RemoteRegistry::get(std::string path) {
  soak::net::HttpRequest request("GET", directory_url_ + path);
  soak::net::HttpResponse response;
  std::string failure;
  try {
    response = co_await client_.send(std::move(request));
  } catch (const soak::net::HttpError& error) {
    failure = error.what();
  }
  if (!failure.empty()) {
    throw unavailable(failure);
  }
  if (response.status == 404) {
    co_return std::nullopt;
  }
  if (response.status != 200) {
    throw unavailable(fmt::format("status {}", response.status));
  }
  co_return std::move(response.body);
}

}  // namespace mesh

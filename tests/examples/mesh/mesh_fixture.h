// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_EXAMPLES_MESH_MESH_FIXTURE_H_
#define TESTS_EXAMPLES_MESH_MESH_FIXTURE_H_

// A Directory with its Relay, and agents: all in virtual time, on a disk in memory.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/directory/directory_service.h"
#include "mesh/encoding.h"
#include "mesh/identity.h"
#include "mesh/json.h"
#include "mesh/memory_storage.h"
#include "mesh/relay/relay_service.h"
#include "mesh/service.h"
#include "mesh/signed_client.h"
#include "soak/event_loop.h"
#include "soak/net/http.h"
#include "soak/task.h"

namespace mesh::tests {

using soak::Task;
using soak::net::HttpResponse;

inline PrivateKey key_of(std::string_view name) { return PrivateKey::from_seed(sha256(name)); }

// An agent's key and its client.
struct Agent {
  Agent(soak::EventLoop& loop, std::string name, const std::string& url)
      : handle("@" + name), key(key_of(name)), client(loop, key, url) {}

  std::string registration(const std::string& more = "") const {
    return R"({"handle":")" + handle + R"(","public_key":")" + key.public_key().base64() + "\"" + more + "}";
  }

  std::string handle;
  PrivateKey key;
  SignedClient client;
};

class DirectoryNode {
 public:
  explicit DirectoryNode(soak::EventLoop& loop, DirectoryOptions options = {})
      : loop_(loop), options_(std::move(options)), key_(key_of("registry")) {
    start();
  }

  // What a SIGKILL and a new start leave: what was synced.
  void restart() {
    stop();
    start();
  }
  void stop() {
    relay_.reset();
    directory_.reset();
    service_.reset();
    storage_.reset();
  }
  void start() {
    storage_ = std::make_unique<MemoryStorage>(loop_, disk_);
    ServiceOptions listening;
    listening.port = 8080;
    service_ = std::make_unique<Service>(loop_, listening);
    directory_ = std::make_unique<DirectoryService>(loop_, *storage_, key_, options_, service_->routes());
    relay_ = std::make_unique<RelayService>(loop_, *storage_, directory_->registry(), directory_->authenticator(),
                                            service_->routes());
  }

  std::string url() const { return service_->url(); }
  MemoryDisk& disk() { return disk_; }
  Service& service() { return *service_; }
  const PrivateKey& key() const { return key_; }

 private:
  soak::EventLoop& loop_;
  DirectoryOptions options_;
  PrivateKey key_;
  MemoryDisk disk_;
  std::unique_ptr<MemoryStorage> storage_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<DirectoryService> directory_;
  std::unique_ptr<RelayService> relay_;
};

// "409 handle_taken", or "201" if it is no error.
inline std::string outcome(const HttpResponse& response) {
  std::string text = std::to_string(response.status);
  if (response.status >= 400) {
    const JsonObject body(response.body);
    text += " " + JsonObject(body.object("error", SIZE_MAX)).name("code", 64);
  }
  return text;
}

inline std::string message(const std::string& id, const std::string& to, const std::string& kind = "query_request",
                           const std::string& in_reply_to = "", const std::string& body = R"({"q":1})") {
  return R"({"id":")" + id + R"(","to":")" + to + R"(","kind":")" + kind + "\"" +
         (in_reply_to.empty() ? "" : R"(,"in_reply_to":")" + in_reply_to + "\"") + R"(,"body":)" + body + "}";
}

// The messages of an inbox, as "id from sender at sequence".
inline std::vector<std::string> messages_in(const HttpResponse& response) {
  std::vector<std::string> found;
  // The fields come in this order.
  std::string_view rest = response.body;
  const auto value_behind = [&](std::string_view name) {
    const std::size_t at = rest.find(name);
    if (at == std::string_view::npos) {
      return std::string();
    }
    rest.remove_prefix(at + name.size());
    return std::string(rest.substr(0, rest.find_first_of("\",")));
  };
  for (;;) {
    const std::string sequence = value_behind(R"({"sequence":)");
    if (sequence.empty()) {
      return found;
    }
    const std::string id = value_behind(R"("id":")");
    found.push_back(id + " from " + value_behind(R"("from":")") + " at " + sequence);
  }
}

class MeshTest : public testing::Test {
 protected:
  soak::VirtualLoop loop_;
  DirectoryNode node_{loop_};
  Agent ada_{loop_, "ada", node_.url()};
  Agent bob_{loop_, "bob", node_.url()};

  void run(Task<> task) { loop_.run(std::move(task)); }

  Task<HttpResponse> enrol(Agent& agent, std::string more = "") {
    return agent.client.post("/v1/agents", agent.registration(more));
  }

  Task<> link(Agent& inviter, Agent& joiner, std::string scope = "mirror") {
    Task<HttpResponse> inviting = inviter.client.post(
        "/v1/invites", R"({"id":"i-)" + joiner.handle.substr(1) + R"(","scope":")" + scope + R"(","seconds":3600})");
    const HttpResponse invite = co_await std::move(inviting);
    EXPECT_EQ(outcome(invite), "201");
    const std::string token = JsonObject(invite.body).name("token", 128);
    Task<HttpResponse> joining = joiner.client.post("/v1/links", R"({"token":")" + token + "\"}");
    const HttpResponse joined = co_await std::move(joining);
    EXPECT_EQ(outcome(joined), "201");
  }

  // Both are there, and linked.
  Task<> begin(std::string scope = "mirror") {
    Task<HttpResponse> first = enrol(ada_);
    const HttpResponse of_ada = co_await std::move(first);
    EXPECT_EQ(outcome(of_ada), "201");
    Task<HttpResponse> second = enrol(bob_);
    const HttpResponse of_bob = co_await std::move(second);
    EXPECT_EQ(outcome(of_bob), "201");
    Task<> linking = link(ada_, bob_, scope);
    co_await std::move(linking);
  }

  // A crash and a new start; the clients notice that their connections are gone.
  Task<> restart() {
    node_.restart();
    co_await soak::sleep_for(std::chrono::milliseconds{10});
  }

  Task<HttpResponse> send(Agent& from, std::string json) { return from.client.post("/v1/relay/messages", json); }
};

}  // namespace mesh::tests

#endif  // TESTS_EXAMPLES_MESH_MESH_FIXTURE_H_

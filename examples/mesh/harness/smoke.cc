// SPDX-License-Identifier: Apache-2.0
#include "mesh/harness/smoke.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "mesh/edge/agent_client.h"
#include "mesh/json.h"
#include "mesh/json_lookup.h"
#include "soak/net/http_client.h"

namespace mesh {

namespace {

using soak::Task;

enum class By { kNobody, kFirst, kSecond };

struct Route {
  By by = By::kNobody;
  std::string service;
  std::string method;
  std::string path;
  std::string expected;
  std::string body;
};

// In an order in which each finds what it needs.
std::vector<Route> routes() {
  std::vector<Route> all;
  const auto get = [&all](std::string service, std::string path, std::string expected = "200") {
    all.push_back({By::kNobody, std::move(service), "GET", std::move(path), std::move(expected), ""});
  };
  const auto ask = [&all](By by, std::string service, std::string method, std::string path, std::string expected,
                          std::string body = "") {
    all.push_back({by, std::move(service), std::move(method), std::move(path), std::move(expected), std::move(body)});
  };
  for (const char* service : {"directory", "archive"}) {
    get(service, "/healthz");
    get(service, "/readyz");
    get(service, "/metrics");
    get(service, "/no-such-page", "404 not_found");
  }
  get("directory", "/.well-known/agent/@demo-agent-a.json");
  get("directory", "/a/@demo-agent-a");
  get("directory", "/v1/verify/@demo-agent-a");
  get("directory", "/v1/registry");
  get("directory", "/v1/verify/@nobody-is-here", "404 unknown_agent");
  get("archive", "/");
  get("archive", "/workspaces");
  get("archive", "/workspaces/demo");
  get("archive", "/commons");
  get("archive", "/v1/workspaces", "401 signature_missing");

  ask(By::kFirst, "directory", "GET", "/v1/links", "200");
  ask(By::kFirst, "directory", "POST", "/v1/relay/messages", "201",
      R"({"id":"q","to":"@demo-agent-b","kind":"query_request","body":{"subject":"s"}})");
  ask(By::kFirst, "directory", "GET", "/v1/relay/messages/q", "200");
  ask(By::kSecond, "directory", "GET", "/v1/relay/inbox", "200");
  ask(By::kSecond, "directory", "POST", "/v1/relay/messages", "201",
      R"({"id":"r","to":"@demo-agent-a","kind":"receipt","in_reply_to":"q","body":{}})");
  ask(By::kSecond, "directory", "POST", "/v1/relay/messages", "201",
      R"({"id":"a","to":"@demo-agent-a","kind":"query_response","in_reply_to":"q","body":{}})");
  ask(By::kSecond, "directory", "POST", "/v1/relay/ack", "200", R"({"up_to":1})");
  ask(By::kFirst, "directory", "POST", "/v1/relay/sync", "200", "{}");

  ask(By::kFirst, "archive", "POST", "/v1/memory/ingest", "201", R"({"id":"m","subject":"s","text":"seen"})");
  ask(By::kSecond, "archive", "POST", "/v1/memory/query", "200", R"({"subject":"s"})");
  ask(By::kSecond, "archive", "GET", "/v1/workspaces", "200");
  ask(By::kSecond, "archive", "GET", "/v1/workspaces/demo", "200");
  const std::string items = "/v1/workspaces/demo/items";
  ask(By::kFirst, "archive", "POST", items, "201", R"({"id":"t","type":"task","text":"do it"})");
  ask(By::kFirst, "archive", "POST", items, "201", R"({"id":"h","type":"hypothesis","text":"it holds"})");
  ask(By::kFirst, "archive", "POST", items, "201", R"({"id":"d","type":"decision","text":"we go"})");
  ask(By::kFirst, "archive", "POST", items, "201", R"({"id":"e","type":"evidence_pack","text":"seen"})");
  ask(By::kFirst, "archive", "POST", items, "201",
      R"({"id":"c","type":"promotion_candidate","text":"keep it","affects":["e"]})");
  ask(By::kSecond, "archive", "POST", items + "/t/state", "200", R"({"id":"s1","from":"open","to":"claimed"})");
  ask(By::kSecond, "archive", "GET", items + "/t", "200");
  ask(By::kSecond, "archive", "GET", items + "?type=decision", "200");
  ask(By::kFirst, "archive", "POST", items + "/c/promote", "409 not_reviewed", R"({"id":"p"})");
  ask(By::kFirst, "archive", "POST", items + "/c/reviews", "403 own_work", R"({"id":"v","verdict":"approve"})");
  ask(By::kSecond, "archive", "POST", items + "/c/reviews", "201", R"({"id":"v","verdict":"approve"})");
  ask(By::kFirst, "archive", "POST", items + "/c/promote", "200", R"({"id":"p"})");
  ask(By::kFirst, "archive", "POST", "/v1/commons", "201", R"({"id":"p","title":"Found","text":"it holds"})");
  ask(By::kFirst, "archive", "POST", "/v1/commons/p/reviews", "403 own_work", R"({"id":"v","verdict":"approve"})");
  ask(By::kSecond, "archive", "POST", "/v1/commons/p/reviews", "201", R"({"id":"v","verdict":"approve"})");
  ask(By::kSecond, "archive", "POST", "/v1/commons/query", "200", "{}");
  return all;
}

std::string outcome_of(int status, const std::string& body) {
  const rapidjson::Document json = parse_json(body);
  const rapidjson::Value* error = member_of(json, "error");
  return error == nullptr ? fmt::format("{}", status) : fmt::format("{} {}", status, text_of(*error, "code"));
}

}  // namespace

Task<std::vector<SmokeCheck>> smoke(soak::EventLoop& loop, Cluster& cluster) {
  soak::net::HttpClient plain(loop);
  std::vector<SmokeCheck> checks;
  const std::vector<Route> all = routes();
  for (const Route& route : all) {
    SmokeCheck check{fmt::format("{} {} of {}", route.method, route.path, route.service), route.expected, ""};
    const std::string url = (route.service == "archive" ? cluster.archive_url() : cluster.directory_url()) + route.path;
    try {
      if (route.by == By::kNobody) {
        soak::net::HttpRequest request(route.method, url, route.body);
        Task<soak::net::HttpResponse> asking = plain.send(std::move(request));
        const soak::net::HttpResponse response = co_await std::move(asking);
        check.got = outcome_of(response.status, response.body);
      } else {
        AgentClient& agent = cluster.agent(route.by == By::kFirst ? 0 : 1);
        Task<ServiceAnswer> asking = agent.call(route.method, url, route.body);
        const ServiceAnswer answer = co_await std::move(asking);
        check.got = outcome_of(answer.status, answer.body);
      }
    } catch (const soak::net::HttpError& error) {
      check.got = error.what();
    }
    checks.push_back(std::move(check));
  }
  co_return checks;
}

}  // namespace mesh

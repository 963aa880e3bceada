// SPDX-License-Identifier: Apache-2.0
// mesh_load URL MESSAGES SENDERS: registers two agents, links them, and sends as fast as the service acknowledges. All
// requests are signed before the clock starts, so that the time is the service's. Then it reads the receiver's inbox,
// and fails if a message is missing or there twice. Prints a JSON object.

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mesh/encoding.h"
#include "mesh/identity.h"
#include "mesh/json.h"
#include "mesh/signature.h"
#include "mesh/signed_client.h"
#include "soak/event_loop.h"
#include "soak/gather.h"
#include "soak/net/http_client.h"
#include "soak/task.h"

namespace {

using Clock = std::chrono::steady_clock;
using soak::Task;
using soak::net::HttpRequest;
using soak::net::HttpResponse;

void require(const HttpResponse& response, int status, const char* what) {
  if (response.status != status) {
    throw std::runtime_error(fmt::format("{}: status {}: {}", what, response.status, response.body));
  }
}

std::string registration(const std::string& handle, const mesh::PrivateKey& key) {
  return mesh::JsonText().text("handle", handle).text("public_key", key.public_key().base64()).object();
}

// How often each id is in the inbox.
std::multiset<std::string> ids_in(const std::string& page) {
  std::multiset<std::string> ids;
  const std::string name = R"("id":")";
  for (std::size_t at = page.find(name); at != std::string::npos; at = page.find(name, at)) {
    at += name.size();
    ids.insert(page.substr(at, page.find('"', at) - at));
  }
  return ids;
}

Task<> load(soak::EventLoop& loop, std::string url, int messages, int senders) {
  const mesh::PrivateKey from_key = mesh::PrivateKey::generate();
  const mesh::PrivateKey to_key = mesh::PrivateKey::generate();
  const std::string from = "@a" + from_key.public_key().keyid().substr(0, 12);
  const std::string to = "@b" + to_key.public_key().keyid().substr(0, 12);
  mesh::SignedClient sender(loop, from_key, url);
  mesh::SignedClient receiver(loop, to_key, url);
  const HttpResponse first = co_await sender.post("/v1/agents", registration(from, from_key));
  require(first, 201, "registration");
  const HttpResponse second = co_await receiver.post("/v1/agents", registration(to, to_key));
  require(second, 201, "registration");
  const HttpResponse invite = co_await sender.post("/v1/invites", R"({"id":"i","scope":"mirror","seconds":600})");
  require(invite, 201, "invite");
  const std::string token = mesh::JsonObject(invite.body).name("token", 128);
  const HttpResponse joined = co_await receiver.post("/v1/links", mesh::JsonText().text("token", token).object());
  require(joined, 201, "join");

  std::mt19937_64 random(std::random_device{}());
  std::vector<HttpRequest> requests;
  const std::string body = mesh::JsonText().text("question", std::string(200, 'q')).object();
  const std::int64_t now = std::chrono::duration_cast<std::chrono::seconds>(loop.wall_now().time_since_epoch()).count();
  for (int i = 0; i < messages; ++i) {
    const std::string json = mesh::JsonText()
                                 .text("id", fmt::format("m{}", i))
                                 .text("to", to)
                                 .text("kind", "query_request")
                                 .raw("body", body)
                                 .object();
    HttpRequest request("POST", url + "/v1/relay/messages", json, {{"Content-Type", "application/json"}});
    mesh::sign(request, from_key, {now, fmt::format("{:016x}", random())});
    requests.push_back(std::move(request));
  }

  soak::net::HttpClientOptions options;
  options.connections_max = static_cast<std::size_t>(senders);
  options.proxy = "";
  soak::net::HttpClient client(loop, options);
  std::size_t next = 0;
  const auto send_some = [&]() -> Task<> {
    while (next < requests.size()) {
      HttpRequest request = std::move(requests[next++]);
      const HttpResponse response = co_await client.send(std::move(request));
      require(response, 201, "message");
    }
  };
  std::vector<Task<>> all;
  for (int i = 0; i < senders; ++i) {
    all.push_back(send_some());
  }
  const Clock::time_point began = Clock::now();
  Task<std::vector<soak::GatherResult<void>>> sending =
      soak::gather(std::move(all), {.max_concurrency = static_cast<std::size_t>(senders)});
  std::vector<soak::GatherResult<void>> ended = co_await std::move(sending);
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  for (soak::GatherResult<void>& result : ended) {
    result.value();  // Rethrows.
  }

  std::multiset<std::string> delivered;
  for (std::int64_t acked = 0;;) {
    const HttpResponse page =
        co_await receiver.post("/v1/relay/sync", mesh::JsonText().integer("ack", acked).integer("limit", 500).object());
    require(page, 200, "sync");
    const std::multiset<std::string> ids = ids_in(page.body);
    delivered.insert(ids.begin(), ids.end());
    acked += static_cast<std::int64_t>(ids.size());
    if (ids.empty()) {
      break;
    }
  }
  for (int i = 0; i < messages; ++i) {
    if (delivered.count(fmt::format("m{}", i)) != 1) {
      throw std::runtime_error(fmt::format("m{} was delivered {} times", i, delivered.count(fmt::format("m{}", i))));
    }
  }
  fmt::print("{}\n", mesh::JsonText()
                         .integer("messages", messages)
                         .integer("senders", senders)
                         .number("seconds", seconds)
                         .number("messages_per_second", messages / seconds)
                         .object());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 || std::atoi(argv[2]) < 1 || std::atoi(argv[3]) < 1) {
    std::fputs("usage: mesh_load URL MESSAGES SENDERS\n", stderr);
    return 2;
  }
  try {
    soak::UvLoop loop;
    loop.run(load(loop, argv[1], std::atoi(argv[2]), std::atoi(argv[3])));
  } catch (const std::exception& error) {
    std::fputs(fmt::format("mesh_load: {}\n", error.what()).c_str(), stderr);
    return 1;
  }
  return 0;
}

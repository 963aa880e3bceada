// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_EDGE_AGENT_CLIENT_H_
#define MESH_EDGE_AGENT_CLIENT_H_

// An agent's signed calls to Directory, Relay and Archive.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "mesh/identity.h"
#include "soak/event_loop.h"
#include "soak/net/http_client.h"
#include "soak/task.h"

namespace mesh {

struct ServiceAnswer {
  int status = 0;
  std::string body;
  std::string code;  // Of an error: "not_linked". Empty otherwise.
  std::string message;

  bool ok() const { return status / 100 == 2; }
  // The same request may succeed later.
  bool temporary() const { return status == 429 || status >= 500; }
};

class AgentClient {
 public:
  // `clock_offset` is added to the system's clock: a machine whose clock is off.
  AgentClient(soak::EventLoop& loop, PrivateKey key, std::chrono::nanoseconds timeout = std::chrono::seconds{5},
              std::chrono::seconds clock_offset = {});

  // Signs the request anew and sends it. After 401 clock_skew, it corrects its clock by the service's and sends once
  // more. An empty body is none. Throws soak::net::HttpError.
  soak::Task<ServiceAnswer> call(std::string method, std::string url, std::string body = {});
  soak::Task<ServiceAnswer> get(std::string url) { return call("GET", std::move(url)); }
  soak::Task<ServiceAnswer> post(std::string url, std::string body) {
    return call("POST", std::move(url), std::move(body));
  }

  const PrivateKey& key() const { return key_; }
  std::uint64_t clock_corrections() const { return clock_corrections_; }

 private:
  soak::Task<ServiceAnswer> call_once(std::string method, std::string url, std::string body,
                                      std::int64_t* service_time);

  soak::EventLoop& loop_;
  PrivateKey key_;
  std::chrono::seconds clock_offset_;
  std::uint64_t clock_corrections_ = 0;
  soak::net::HttpClient client_;
};

}  // namespace mesh

#endif  // MESH_EDGE_AGENT_CLIENT_H_

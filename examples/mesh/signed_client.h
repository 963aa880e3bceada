// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_SIGNED_CLIENT_H_
#define MESH_SIGNED_CLIENT_H_

// An agent's end of the services: signs each request anew with the time and a nonce of the loop.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "mesh/identity.h"
#include "soak/event_loop.h"
#include "soak/net/http.h"
#include "soak/net/http_client.h"
#include "soak/task.h"

namespace mesh {

class SignedClient {
 public:
  // `key` outlives it. `url` is that of a service: "http://127.0.0.1:8080".
  SignedClient(soak::EventLoop& loop, const PrivateKey& key, std::string url,
               std::chrono::nanoseconds timeout = std::chrono::seconds{15});

  // `path` with its query, if it has one. Any status is a response; throws HttpError if there is none.
  soak::Task<soak::net::HttpResponse> get(std::string path);
  soak::Task<soak::net::HttpResponse> post(std::string path, std::string json);
  soak::Task<soak::net::HttpResponse> remove(std::string path);  // DELETE

  // Sends another request to the same service; signed if it is not signed yet.
  soak::Task<soak::net::HttpResponse> send(soak::net::HttpRequest request);

  // Corrects the clock that signatures use, after 401 clock_skew with "now".
  void use_clock_of_server(std::int64_t now_seconds);

  const std::string& url() const { return url_; }

 private:
  std::int64_t now_seconds() const;

  soak::EventLoop& loop_;
  const PrivateKey& key_;
  std::string url_;
  std::int64_t offset_seconds_ = 0;
  soak::net::HttpClient client_;
};

}  // namespace mesh

#endif  // MESH_SIGNED_CLIENT_H_

// SPDX-License-Identifier: Apache-2.0
#include "mesh/signed_client.h"

#include <fmt/format.h>

#include <utility>

#include "mesh/signature.h"

namespace mesh {
namespace {

soak::net::HttpClientOptions client_options(std::chrono::nanoseconds timeout) {
  soak::net::HttpClientOptions client;
  client.timeout = timeout;
  client.proxy = "";
  return client;
}

}  // namespace

SignedClient::SignedClient(soak::EventLoop& loop, const PrivateKey& key, std::string url,
                           std::chrono::nanoseconds timeout)
    : loop_(loop), key_(key), url_(std::move(url)), client_(loop, client_options(timeout)) {}

soak::Task<soak::net::HttpResponse> SignedClient::get(std::string path) {
  return send(soak::net::HttpRequest("GET", url_ + path));
}

soak::Task<soak::net::HttpResponse> SignedClient::post(std::string path, std::string json) {
  return send(soak::net::HttpRequest("POST", url_ + path, std::move(json), {{"Content-Type", "application/json"}}));
}

soak::Task<soak::net::HttpResponse> SignedClient::remove(std::string path) {
  return send(soak::net::HttpRequest("DELETE", url_ + path));
}

soak::Task<soak::net::HttpResponse> SignedClient::send(soak::net::HttpRequest request) {
  if (!request.headers.contains("Signature")) {
    const SignatureStamp stamp{now_seconds() + offset_seconds_,
                               fmt::format("{:016x}{:016x}", loop_.random()(), loop_.random()())};
    sign(request, key_, stamp);
  }
  return client_.send(std::move(request));
}

void SignedClient::use_clock_of_server(std::int64_t now) { offset_seconds_ = now - now_seconds(); }

std::int64_t SignedClient::now_seconds() const {
  return std::chrono::duration_cast<std::chrono::seconds>(loop_.wall_now().time_since_epoch()).count();
}

}  // namespace mesh

// SPDX-License-Identifier: Apache-2.0
#include "pusher/stores.h"

#include <fmt/format.h>

#include <utility>

namespace pusher {
namespace {

soak::net::HttpClientOptions client_options(const StoreOptions& options) {
  soak::net::HttpClientOptions client;
  client.timeout = options.timeout;
  client.connections_max = options.connections_max;
  client.proxy = "";
  client.ca_file = options.ca_file;
  return client;
}

}  // namespace

Stores::Stores(soak::EventLoop& loop, const StoreOptions& options)
    : url_(options.url), client_(loop, client_options(options)) {}

soak::Task<std::string> Stores::post(Delivery delivery) {
  soak::net::Headers headers;
  headers.add("Idempotency-Key", std::move(delivery.key));
  headers.add("Content-Type", "application/octet-stream");
  soak::net::HttpRequest request("POST", url_ + delivery.path, std::move(delivery.body), std::move(headers));
  soak::net::HttpResponse response;
  try {
    response = co_await client_.send(std::move(request));
  } catch (const soak::net::HttpError& error) {
    throw StoreError(error.what(), 0, error.may_have_arrived());
  }
  if (response.status < 200 || response.status > 299) {
    // A server that fails may have stored before it did.
    throw StoreError(fmt::format("the store answered {}", response.status), response.status, response.status >= 500);
  }
  co_return std::move(response.body);
}

std::string Stores::path_part(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (plain) {
      out.push_back(c);
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

}  // namespace pusher

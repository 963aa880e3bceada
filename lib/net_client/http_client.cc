// SPDX-License-Identifier: Apache-2.0
#include "soak/net/http_client.h"

#include <utility>

#include "lib/net/http_client_backend.h"
#include "lib/net/memory_http.h"
#include "lib/net_client/curl_http_client.h"

namespace soak::net {

HttpClient::HttpClient(EventLoop& loop, HttpClientOptions options)
    : backend_(loop.is_virtual() ? make_memory_http_client(loop, std::move(options))
                                 : make_curl_http_client(loop, std::move(options))) {}

HttpClient::~HttpClient() { backend_->stop(); }

Task<HttpResponse> HttpClient::send(HttpRequest request) {
  return HttpClientBackend::send(backend_, std::move(request));
}

const HttpClientCounters& HttpClient::counters() const { return backend_->counters; }

std::size_t HttpClient::open_connections() const { return backend_->open_connections(); }

}  // namespace soak::net

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_METRICS_ENDPOINT_H_
#define SOAK_METRICS_ENDPOINT_H_

// Serves this process's metrics over HTTP, as GET /metrics, for a Prometheus to scrape.
//
// It answers on the loopback interface only, unless it is given another address. All of its threads and its listening
// socket exist once it is constructed, so that a baseline taken later holds them; a scrape opens one connection more,
// and closes it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace soak::metrics {

struct EndpointOptions {
  std::string address = "127.0.0.1";  // IPv4 or IPv6, in numbers. Who listens elsewhere shows the metrics to others.
  std::uint16_t port = 0;             // 0 takes a free one.
};

class Endpoint {
 public:
  // Throws std::invalid_argument for an address that is none, and std::system_error, naming address and port, where it
  // cannot listen.
  explicit Endpoint(EndpointOptions options = {});
  ~Endpoint();  // Waits for a scrape under way.
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  std::uint16_t port() const noexcept;
  const std::string& url() const noexcept;  // http://127.0.0.1:9464/metrics

  // Connections that all endpoints of this process hold right now, each with a descriptor: who compares what the
  // process holds waits until there is none.
  static std::size_t open_connections() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::metrics

#endif  // SOAK_METRICS_ENDPOINT_H_

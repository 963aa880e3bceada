// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_METRICS_ENDPOINT_H_
#define SOAK_METRICS_ENDPOINT_H_

// Serves this process's metrics over HTTP, as GET /metrics, for Prometheus to scrape.
//
// By default it listens on the loopback interface only. Its threads and its listening socket all exist once it is
// constructed, so a baseline taken after that includes them. A scrape opens one more connection and closes it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace soak::metrics {

struct EndpointOptions {
  std::string address = "127.0.0.1";  // A numeric IPv4 or IPv6 address. Any other exposes the metrics to the network.
  std::uint16_t port = 0;             // 0 picks a free port.
};

class Endpoint {
 public:
  // Throws Error: kInvalidArgument for an invalid address, and kSystem, naming address and port, if it cannot listen.
  explicit Endpoint(EndpointOptions options = {});
  ~Endpoint();  // Waits for a scrape in progress.
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  std::uint16_t port() const noexcept;
  const std::string& url() const noexcept;  // http://127.0.0.1:9464/metrics

  // Connections that all endpoints of this process hold right now, each with a descriptor. Before you compare what the
  // process holds, wait until it is 0.
  static std::size_t open_connections() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::metrics

#endif  // SOAK_METRICS_ENDPOINT_H_

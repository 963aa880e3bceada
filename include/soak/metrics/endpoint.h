// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_METRICS_ENDPOINT_H_
#define SOAK_METRICS_ENDPOINT_H_

// Serves this process's metrics over HTTP, as GET /metrics, for Prometheus to scrape.
//
// By default it listens on the loopback interface only. Its thread and its two descriptors exist once it is
// constructed, so a baseline taken after that includes them. A scrape opens one more connection and closes it. Idle
// connections block no other; each is closed after 5 s. Without a free descriptor it prints so once, and accepts again
// when there is one.
//
// A request must name this machine in its Host field: localhost, a loopback address, the address that it came to, the
// host name, or one of `names`. Others get status 403. Otherwise a web page could read the metrics through a name of
// its own that resolves to this machine (DNS rebinding).

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace soak::metrics {

struct EndpointOptions {
  std::string address = "127.0.0.1";    // A numeric IPv4 or IPv6 address. Any other exposes the metrics to the network.
  std::uint16_t port = 0;               // 0 picks a free port.
  std::vector<std::string> names = {};  // Other names of this machine, such as "soak.example.com".
};

class Endpoint {
 public:
  // Throws Error: kInvalidArgument for an invalid address, and kSystem, naming address and port, if it cannot listen
  // or start its thread.
  explicit Endpoint(EndpointOptions options = {});
  ~Endpoint();  // Waits for a scrape in progress.
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  std::uint16_t port() const noexcept;
  const std::string& url() const noexcept;  // http://127.0.0.1:9464/metrics

  // Connections that all endpoints of this process hold right now, each with a descriptor. Before you compare what the
  // process holds, wait until it is 0. Any thread may ask.
  static std::size_t open_connections() noexcept;
  // Blocks until it is 0, at most for `timeout`: whether it is.
  static bool wait_until_closed(std::chrono::nanoseconds timeout);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::metrics

#endif  // SOAK_METRICS_ENDPOINT_H_

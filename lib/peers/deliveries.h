// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_DELIVERIES_H_
#define SOAK_LIB_PEERS_DELIVERIES_H_

// What a channel's fake sends by itself: updates to a bot's webhook, events to an app's request URL. It sends them in
// their order, one at a time, and tries again what is not answered with a 2xx.

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "soak/event_loop.h"
#include "soak/net/http.h"
#include "soak/net/http_client.h"
#include "soak/task.h"

namespace soak::peers {

struct DeliveryRetries {
  std::vector<std::chrono::nanoseconds> waits;  // Before each further try; after the last one it gives up.
  bool keep_order = true;                       // Whether what comes later waits for these tries.
  // Changes the request before a further try: the second try has the number 1.
  std::function<void(net::HttpRequest& request, std::size_t number)> before_retry = {};
};

class Deliveries {
 public:
  // `source` is a literal, for the log.
  Deliveries(EventLoop& loop, std::string_view source, DeliveryRetries retries);
  ~Deliveries();  // What is waiting is dropped.
  Deliveries(const Deliveries&) = delete;
  Deliveries& operator=(const Deliveries&) = delete;

  // A fake sends to this machine alone: whether it is a URL of http: or https:, with a loopback address.
  static bool reaches(std::string_view url);

  // reaches() is true for its URL. Where a thousand wait already, the oldest one is dropped.
  void add(net::HttpRequest request);

  std::size_t waiting() const { return waiting_; }
  const std::string& last_error() const { return last_error_; }

  Task<> close();

 private:
  static constexpr std::size_t kRequestsMax = 1000;

  Task<> send_all();
  Task<> retry(net::HttpRequest request);
  Task<bool> try_once(net::HttpRequest request);

  EventLoop& loop_;
  std::string_view source_;
  DeliveryRetries retries_;
  net::HttpClient client_;
  std::deque<net::HttpRequest> requests_;
  std::size_t waiting_ = 0;
  std::size_t made_ = 0;
  bool sending_ = false;
  std::string last_error_;
  TaskGroup tasks_;
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_DELIVERIES_H_

// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/deliveries.h"

#include <fmt/format.h>

#include <utility>

#include "lib/net/url.h"
#include "soak/error.h"
#include "soak/log.h"
#include "soak/net/loopback.h"

namespace soak::peers {

Deliveries::Deliveries(EventLoop& loop, std::string_view source, DeliveryRetries retries)
    : loop_(loop), source_(source), retries_(std::move(retries)), client_(loop), tasks_(loop) {}

Deliveries::~Deliveries() { tasks_.end_in_place(); }

bool Deliveries::reaches(std::string_view url) {
  try {
    net::parse_http_url(url);
  } catch (const Error&) {
    return false;
  }
  return net::is_loopback_url(url);
}

void Deliveries::add(net::HttpRequest request) {
  if (requests_.size() >= kRequestsMax) {
    requests_.pop_front();
    --waiting_;
  }
  requests_.push_back(std::move(request));
  ++waiting_;
  if (!sending_) {
    sending_ = true;
    tasks_.start({"delivery", ++made_}, send_all(), TaskKind::kFinite);
  }
}

Task<> Deliveries::send_all() {
  while (!requests_.empty()) {
    net::HttpRequest request = std::move(requests_.front());
    requests_.pop_front();
    const bool delivered = co_await try_once(request);
    if (delivered) {
      --waiting_;
    } else if (retries_.keep_order) {
      Task<> trying = retry(std::move(request));
      co_await std::move(trying);
    } else {
      tasks_.start({"delivery", ++made_}, retry(std::move(request)), TaskKind::kFinite);
    }
  }
  sending_ = false;
}

Task<> Deliveries::retry(net::HttpRequest request) {
  for (std::size_t number = 1; number <= retries_.waits.size(); ++number) {
    co_await sleep_for(retries_.waits[number - 1]);
    if (retries_.before_retry) {
      retries_.before_retry(request, number);
    }
    const bool delivered = co_await try_once(request);
    if (delivered) {
      --waiting_;
      co_return;
    }
  }
  --waiting_;
  const std::string text = fmt::format("a delivery to {} was given up after {} tries: {}", request.url,
                                       retries_.waits.size() + 1, last_error_);
  log({LogLevel::kWarning, loop_.now(), source_, {}, text});
}

Task<bool> Deliveries::try_once(net::HttpRequest request) {
  try {
    const net::HttpResponse response = co_await client_.send(std::move(request));
    if (response.status >= 200 && response.status < 300) {
      co_return true;
    }
    last_error_ = fmt::format("Wrong response from the webhook: {}", response.status);
  } catch (const net::HttpError& error) {
    last_error_ = error.what();
  }
  co_return false;
}

Task<> Deliveries::close() {
  DrainOptions options;
  options.cancel_first = true;
  Task<DrainResult> draining = drain(tasks_, options);
  co_await std::move(draining);
}

}  // namespace soak::peers

// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_EXAMPLES_PUSHER_PUSHER_FIXTURE_H_
#define TESTS_EXAMPLES_PUSHER_PUSHER_FIXTURE_H_

// A pusher and its stores on a virtual loop, and a test's coroutine beside them.

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "pusher/pusher.h"
#include "pusher/session.h"
#include "soak/event_loop.h"
#include "soak/log.h"
#include "soak/task.h"
#include "tests/examples/pusher/listen_client.h"
#include "tests/examples/pusher/store_peer.h"

namespace pusher::tests {

class PusherFixture : public testing::Test {
 protected:
  PusherFixture() {
    soak::set_log_sink([](const soak::LogRecord&) {});
    options.stores.url = stores.url();
  }
  ~PusherFixture() override { soak::set_log_sink(nullptr); }

  // Runs `body` beside a service, then shuts the service down. Its ledger is `ledger` afterwards, until the end of the
  // test.
  void run(const std::function<soak::Task<>(Pusher&)>& body) {
    service_ = std::make_unique<Pusher>(loop, options);
    ledger = &service_->ledger();
    loop.run(beside(body));
  }

  soak::Task<ListenClient> connect(Pusher& service, std::string query = "uid=u1&sample_rate=16000") {
    ListenOptions client;
    client.query = std::move(query);
    return ListenClient::connect(loop, service.url(), std::move(client));
  }

  soak::VirtualLoop loop;
  StorePeer stores{loop};
  PusherOptions options;
  ShutdownReport report;
  const Ledger* ledger = nullptr;

 private:
  soak::Task<> serve() { report = co_await service_->run(); }

  soak::Task<> beside(const std::function<soak::Task<>(Pusher&)>& body) {
    const auto both = [this, &body](soak::TaskGroup& group) -> soak::Task<> {
      group.start("service", serve(), soak::TaskKind::kFinite);
      co_await soak::sleep_for(std::chrono::milliseconds{1});
      soak::Task<> test = body(*service_);
      co_await std::move(test);
      service_->stop();
    };
    co_await soak::with_group({.timeout = std::chrono::minutes{1}}, both);
  }

  std::unique_ptr<Pusher> service_;
};

}  // namespace pusher::tests

#endif  // TESTS_EXAMPLES_PUSHER_PUSHER_FIXTURE_H_

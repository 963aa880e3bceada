// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_EXAMPLES_PUSHER_LISTEN_LISTEN_FIXTURE_H_
#define TESTS_EXAMPLES_PUSHER_LISTEN_LISTEN_FIXTURE_H_

// Listen, a pusher, speech to text and the stores on a virtual loop, and a test's coroutine beside them.

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "pusher/listen/listen.h"
#include "pusher/pusher.h"
#include "soak/event_loop.h"
#include "soak/log.h"
#include "soak/task.h"
#include "tests/examples/pusher/listen/speech_peer.h"
#include "tests/examples/pusher/listen/voice_client.h"
#include "tests/examples/pusher/store_peer.h"

namespace pusher::listen::tests {

using pusher::tests::disagreements;
using pusher::tests::StoreAnswer;
using pusher::tests::StorePeer;

class ListenFixture : public testing::Test {
 protected:
  ListenFixture() {
    soak::set_log_sink([](const soak::LogRecord&) {});
    options.speech_url = speech.url();
    options.stores.url = stores.url();
    pusher_options.stores.url = stores.url();
    pusher_options.user.integrations = 1;
    stores.record = true;
  }
  ~ListenFixture() override { soak::set_log_sink(nullptr); }

  // Runs `body` beside the two services, then shuts them down, listen first.
  void run(const std::function<soak::Task<>(Listen&)>& body) {
    if (options.pusher_url.empty()) {
      behind = std::make_unique<Pusher>(loop, pusher_options);
      options.pusher_url = behind->url();
    }
    service = std::make_unique<Listen>(loop, options);
    loop.run(beside(body));
  }

  soak::Task<VoiceClient> connect(std::string query = "uid=u1&language=en&sample_rate=16000") {
    return VoiceClient::connect(loop, service->url(), std::move(query));
  }

  const FlowCount& count(Flow flow) const { return service->flows().of(flow); }

  soak::VirtualLoop loop;
  StorePeer stores{loop};
  SpeechPeer speech{loop};
  PusherOptions pusher_options;
  ListenOptions options;
  std::unique_ptr<Pusher> behind;  // The pusher, unless options.pusher_url names another.
  std::unique_ptr<Listen> service;
  ShutdownReport report;

 private:
  soak::Task<> serve() { report = co_await service->run(); }
  soak::Task<> serve_behind() { const pusher::ShutdownReport ended = co_await behind->run(); }

  soak::Task<> beside(const std::function<soak::Task<>(Listen&)>& body) {
    const auto both = [this, &body](soak::TaskGroup& group) -> soak::Task<> {
      if (behind) {
        group.start("pusher", serve_behind(), soak::TaskKind::kFinite);
      }
      soak::TaskGroup front(loop);
      front.start("listen", serve(), soak::TaskKind::kFinite);
      co_await soak::sleep_for(std::chrono::milliseconds{1});
      soak::Task<> test = body(*service);
      co_await std::move(test);
      service->stop();
      soak::Task<soak::DrainResult> stopping = soak::drain(front, {.timeout = std::chrono::minutes{2}});
      const soak::DrainResult stopped = co_await std::move(stopping);
      EXPECT_TRUE(stopped.clean());
      if (behind) {
        behind->stop();
      }
    };
    co_await soak::with_group({.timeout = std::chrono::minutes{2}}, both);
  }
};

}  // namespace pusher::listen::tests

#endif  // TESTS_EXAMPLES_PUSHER_LISTEN_LISTEN_FIXTURE_H_

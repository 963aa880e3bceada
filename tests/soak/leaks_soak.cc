// SPDX-License-Identifier: Apache-2.0
// A verdict that cannot say FAIL is worthless: clients that leak, one way each, over 30 reconnects of a second with the
// default budgets. Each must fail with that leak as its one finding, and the client without a fault must pass.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "soak/net/websocket.h"
#include "soak/peers/openai_realtime_peer.h"
#include "soak/soak.h"
#include "soak/voice/microphone.h"
#include "soak/voice/openai_realtime.h"

namespace {

using namespace std::chrono_literals;

const soak::RunOptions kThirtyCycles{.duration = 30s, .reconnect_every = 1s};

// A client that, once connected, does what a leaky one does.
class LeakyClient : public soak::voice::OpenAiRealtimeClient {
 public:
  LeakyClient(soak::EventLoop& loop, const std::string& url, std::function<soak::Task<>()> leak)
      : OpenAiRealtimeClient(loop, {.url = url}), leak_(std::move(leak)) {}

  soak::Task<> connect() override {
    co_await OpenAiRealtimeClient::connect();
    co_await leak_();
  }

 private:
  std::function<soak::Task<>()> leak_;
};

class Leaks : public testing::Test {
 protected:
  // Drives the run with a client that calls `leak` at each reconnect.
  static void drive(soak::AsyncRun& run, const soak::peers::OpenAiRealtimePeer& peer,
                    const std::function<soak::Task<>()>& leak) {
    run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
      LeakyClient client(run.loop(), peer.url(), leak);
      co_await client.connect();
      co_await soak::voice::stream_microphone(client, cycle);
      co_await client.close();
    });
  }

  static void expect_one_finding(soak::AsyncRun& run, const std::string& subject) {
    const soak::Verdict& verdict = run.verdict();
    ASSERT_EQ(verdict.findings.size(), 1u) << run.summary();
    EXPECT_EQ(verdict.findings[0].subject, subject) << run.summary();
    std::fputs(run.summary().c_str(), stdout);
  }

  // What the operating system holds has no virtual counterpart.
  static bool needs_real_clock(const soak::AsyncRun& run) { return run.mode() == soak::Mode::kVirtual; }
};

SOAK_TEST_F(Leaks, AClientWithoutAFaultPasses) {
  soak::AsyncRun run(kThirtyCycles);
  soak::peers::OpenAiRealtimePeer peer(run.loop());

  drive(run, peer, []() -> soak::Task<> { co_return; });

  EXPECT_SOAK(run);
}

SOAK_TEST_F(Leaks, SixtyFourKibAReconnect) {
  soak::AsyncRun run(kThirtyCycles);
  soak::peers::OpenAiRealtimePeer peer(run.loop());
  std::vector<std::vector<char>> kept;

  drive(run, peer, [&]() -> soak::Task<> {
    kept.emplace_back(64 * soak::kKiB, 'x');
    co_return;
  });

  expect_one_finding(run, "heap");
}

SOAK_TEST_F(Leaks, ADescriptorAReconnect) {
  soak::AsyncRun run(kThirtyCycles);
  soak::peers::OpenAiRealtimePeer peer(run.loop());
  std::vector<int> kept;

  drive(run, peer, [&]() -> soak::Task<> {
    kept.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    co_return;
  });

  expect_one_finding(run, "fds");
  for (const int fd : kept) {
    ::close(fd);
  }
}

// The old WebSocket stays open: a socket here, one at the peer, and the session that serves it.
SOAK_TEST_F(Leaks, ASocketAReconnect) {
  soak::AsyncRun run(kThirtyCycles);
  if (needs_real_clock(run)) {
    run.verdict();
    GTEST_SKIP() << "there are no sockets on a virtual clock";
  }
  soak::peers::OpenAiRealtimePeer peer(run.loop());
  std::vector<std::unique_ptr<soak::net::WebSocket>> kept;

  drive(run, peer, [&]() -> soak::Task<> {
    soak::net::ConnectOptions options;
    options.headers.add("Authorization", "Bearer sk-soak");
    soak::Task<std::unique_ptr<soak::net::WebSocket>> connecting =
        soak::net::connect_websocket(run.loop(), peer.url() + "?model=gpt-realtime", options);
    kept.push_back(co_await std::move(connecting));
  });

  expect_one_finding(run, "sockets");
}

SOAK_TEST_F(Leaks, AThreadAReconnect) {
  soak::AsyncRun run(kThirtyCycles);
  soak::peers::OpenAiRealtimePeer peer(run.loop());
  std::mutex mutex;
  std::condition_variable changed;
  bool end = false;
  std::vector<std::thread> kept;

  drive(run, peer, [&]() -> soak::Task<> {
    kept.emplace_back([&] {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return end; });
    });
    co_return;
  });

  expect_one_finding(run, "threads");
  {
    const std::lock_guard lock(mutex);
    end = true;
  }
  changed.notify_all();
  for (std::thread& thread : kept) {
    thread.join();
  }
}

SOAK_TEST_F(Leaks, ATaskAReconnect) {
  soak::AsyncRun run(kThirtyCycles);
  soak::peers::OpenAiRealtimePeer peer(run.loop());
  soak::Event never;
  soak::TaskGroup kept(run.loop());

  drive(run, peer, [&]() -> soak::Task<> {
    kept.start("forgotten", never.wait());
    co_return;
  });

  expect_one_finding(run, "tasks");
  kept.end_in_place();
}

// Says that it sends, and does not, from the middle of the run on.
class StallingClient : public soak::voice::OpenAiRealtimeClient {
 public:
  StallingClient(soak::AsyncRun& run, const std::string& url)
      : OpenAiRealtimeClient(run.loop(), {.url = url}), run_(run) {}

  soak::Task<> send_audio(std::span<const std::byte> pcm) override {
    if (run_.elapsed() < run_.settings().duration / 2) {
      co_await OpenAiRealtimeClient::send_audio(pcm);
    }
  }

 private:
  soak::AsyncRun& run_;
};

SOAK_TEST_F(Leaks, StopsSendingHalfWay) {
  soak::AsyncRun run(kThirtyCycles);
  soak::peers::OpenAiRealtimePeer peer(run.loop());

  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    StallingClient client(run, peer.url());
    co_await client.connect();
    co_await soak::voice::stream_microphone(client, cycle);
    co_await client.close();
  });

  expect_one_finding(run, "frames");
}

}  // namespace

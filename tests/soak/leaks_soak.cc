// SPDX-License-Identifier: Apache-2.0
// A verdict that cannot say FAIL is worthless: clients that leak, one way each, over five minutes with a reconnect a
// second and the default budgets. Each must fail with that leak as its one finding, told per the operation that left
// it. What the same client may do without being accused is in clean_soak.cc.

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "soak/net/websocket_client.h"
#include "voice_fixture.h"

namespace {

using namespace std::chrono_literals;

class Leaks : public soak::tests::VoiceSoak {
 protected:
  // The run's one finding is about `subject`, and says how much that grows per `operation`.
  static void expect_leak(soak::AsyncRun& run, const std::string& subject, const std::string& operation) {
    const soak::Verdict& verdict = run.verdict();
    std::fputs(run.summary().c_str(), stdout);
    if (run.mode() == soak::Mode::kSmoke) {  // Four cycles do not show each leak, but no other one.
      ASSERT_LE(verdict.findings.size(), 1u);
      for (const soak::Finding& finding : verdict.findings) {
        EXPECT_EQ(finding.subject, subject);
      }
      return;
    }
    ASSERT_EQ(verdict.findings.size(), 1u);
    EXPECT_EQ(verdict.findings[0].subject, subject);
    for (const soak::probe::Trend& trend : verdict.trends) {
      if (trend.series == subject && trend.leak) {
        // What comes at every tenth reconnect comes as well at every so many frames, and five minutes do not tell
        // which.
        EXPECT_TRUE(trend.per == operation || (trend.unit == soak::probe::Unit::kCount && trend.growth < 0.5 &&
                                               trend.per == operation + " or frame"))
            << trend.per;
        return;
      }
    }
    // A count that rose a few times only is told per cycle, without an interval.
    for (const soak::probe::Evidence& evidence : verdict.findings[0].evidence) {
      if (evidence.label == "per " + operation || evidence.label == "per " + operation + " or frame") {
        return;
      }
    }
    ADD_FAILURE() << "nothing says how much " << subject << " grows per " << operation;
  }
};

SOAK_TEST_F(Leaks, OneKiBPerFrame) {
  soak::AsyncRun run(five_minutes());
  std::deque<std::vector<char>> kept;

  drive(run, {.at_frame = [&](std::span<const std::byte>) { kept.emplace_back(soak::kKiB, 'x'); }});

  expect_leak(run, "heap", "frame");
}

SOAK_TEST_F(Leaks, TenKiBPerReconnect) {
  soak::AsyncRun run(five_minutes());
  std::deque<std::vector<char>> kept;

  drive(run, {.at_connect = [&](std::uint64_t) { kept.emplace_back(10 * soak::kKiB, 'x'); }});

  expect_leak(run, "heap", "reconnect");
}

SOAK_TEST_F(Leaks, OneDescriptorPerReconnect) {
  soak::AsyncRun run(five_minutes());
  std::vector<int> kept;

  drive(run, {.at_connect = [&](std::uint64_t) { kept.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }});

  expect_leak(run, "fds", "reconnect");
  for (const int fd : kept) {
    ::close(fd);
  }
}

SOAK_TEST_F(Leaks, OneThreadPerReconnect) {
  soak::AsyncRun run(five_minutes());
  std::mutex mutex;
  std::condition_variable changed;
  bool end = false;
  std::vector<std::thread> kept;

  drive(run, {.at_connect = [&](std::uint64_t) {
          kept.emplace_back([&] {
            std::unique_lock lock(mutex);
            changed.wait(lock, [&] { return end; });
          });
        }});

  expect_leak(run, "threads", "reconnect");
  {
    const std::lock_guard lock(mutex);
    end = true;
  }
  changed.notify_all();
  for (std::thread& thread : kept) {
    thread.join();
  }
}

SOAK_TEST_F(Leaks, OneTaskPerReconnect) {
  soak::AsyncRun run(five_minutes());
  soak::Event never;
  soak::TaskGroup kept(run.loop());

  drive(run, {.at_connect = [&](std::uint64_t) { kept.start("forgotten", never.wait()); }});

  expect_leak(run, "tasks", "reconnect");
  kept.end_in_place();
}

// A server that closes each connection as soon as it is there. The end that connected stays half closed.
class ClosingServer {
 public:
  ClosingServer() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address_);
    EXPECT_EQ(::bind(listening_, any(), size), 0);
    EXPECT_EQ(::listen(listening_, 1), 0);
    EXPECT_EQ(::getsockname(listening_, any(), &size), 0);
  }
  ~ClosingServer() { ::close(listening_); }
  ClosingServer(const ClosingServer&) = delete;
  ClosingServer& operator=(const ClosingServer&) = delete;

  int half_closed_connection() {
    const int connected = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(connected, any(), sizeof(address_)), 0);
    ::close(::accept(listening_, nullptr, nullptr));
    return connected;
  }

 private:
  sockaddr* any() { return reinterpret_cast<sockaddr*>(&address_); }

  int listening_;
  sockaddr_in address_{};
};

SOAK_TEST_F(Leaks, OneHalfClosedSocketPerTenReconnects) {
  soak::AsyncRun run(five_minutes());
  ClosingServer server;
  std::vector<int> kept;

  drive(run, {.at_connect = [&](std::uint64_t reconnect) {
          if (reconnect % 10 == 9) {
            kept.push_back(server.half_closed_connection());
          }
        }});

  expect_leak(run, "sockets", "reconnect");
  for (const int fd : kept) {
    ::close(fd);
  }
}

// Each entry can be reached, so LeakSanitizer has nothing to say.
SOAK_TEST_F(Leaks, MapIsNeverErased) {
  soak::AsyncRun run(five_minutes());
  std::map<std::string, std::string> by_event_id;

  drive(run, {.at_frame = [&](std::span<const std::byte>) {
          by_event_id["event_" + std::to_string(by_event_id.size())] = std::string(200, 'x');
        }});

  expect_leak(run, "heap", "frame");
}

// The reader takes a frame in twice the time in which one comes.
SOAK_TEST_F(Leaks, QueueGrowsBehindASlowReader) {
  soak::AsyncRun run(five_minutes());
  std::deque<std::vector<std::byte>> queue;
  std::uint64_t frames = 0;

  drive(run, {.at_frame = [&](std::span<const std::byte> pcm) {
          queue.emplace_back(pcm.begin(), pcm.end());
          if (++frames % 2 == 0) {
            queue.pop_front();
          }
        }});

  expect_leak(run, "heap", "frame");
}

// The old WebSocket stays open: a socket here, one at the peer, and the session that serves it.
SOAK_TEST_F(Leaks, OneWebSocketPerReconnect) {
  soak::AsyncRun run(five_minutes());
  if (run.mode() == soak::Mode::kVirtual) {
    run.verdict();
    GTEST_SKIP() << "there are no sockets on a virtual clock";
  }
  soak::peers::OpenAiRealtimePeer peer(run.loop());
  std::vector<std::unique_ptr<soak::net::WebSocket>> kept;

  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    soak::voice::OpenAiRealtimeClient client(run.loop(), {.url = peer.url()});
    co_await client.connect();
    soak::net::ConnectOptions options;
    options.headers.add("Authorization", "Bearer sk-soak");
    soak::Task<std::unique_ptr<soak::net::WebSocket>> connecting =
        soak::net::connect_websocket(run.loop(), peer.url() + "?model=gpt-realtime", options);
    kept.push_back(co_await std::move(connecting));
    co_await soak::voice::stream_microphone(client, cycle);
    co_await client.close();
  });

  expect_leak(run, "sockets", "reconnect");
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

SOAK_TEST_F(Leaks, StopsSendingHalfway) {
  soak::AsyncRun run(five_minutes());
  soak::peers::OpenAiRealtimePeer peer(run.loop());

  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    StallingClient client(run, peer.url());
    co_await client.connect();
    co_await soak::voice::stream_microphone(client, cycle);
    co_await client.close();
  });

  const soak::Verdict& verdict = run.verdict();
  ASSERT_EQ(verdict.findings.size(), 1u) << run.summary();
  EXPECT_EQ(verdict.findings[0].subject, "frames") << run.summary();
}

}  // namespace

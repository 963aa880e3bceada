// SPDX-License-Identifier: Apache-2.0
// Listen and the pusher, with everything around them that goes wrong in practice: in one loop, virtual or real, and as
// two processes. After every cycle each gauge shows what there are sockets; at the end every byte that was accepted is
// stored, or dropped and counted.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "conftest/subprocess.h"
#include "soak/gather.h"
#include "soak/log.h"
#include "soak/net/http_client.h"
#include "soak/net/websocket_client.h"
#include "soak/probe/processor.h"
#include "soak/soak.h"
#include "soak/timeout.h"
#include "tests/examples/pusher/listen/pair_world.h"
#include "tests/examples/pusher/listen/speech_peer.h"
#include "tests/examples/pusher/listen/voice_client.h"
#include "tests/examples/pusher/store_peer.h"
#include "tests/examples/pusher/without_log.h"

namespace pusher::listen::tests {
namespace {

using namespace std::chrono_literals;
using pusher::tests::StorePeer;
using soak::Task;
using soak::conftest::Program;
using std::chrono::nanoseconds;

// The log of what fails on purpose.
class NoLog {
 public:
  NoLog() {
    soak::set_log_sink([](const soak::LogRecord&) {});
  }
  ~NoLog() { soak::set_log_sink(nullptr); }
  NoLog(const NoLog&) = delete;
  NoLog& operator=(const NoLog&) = delete;
};

#define SKIP_IF_SMOKE(run)                                                      \
  if ((run).mode() == soak::Mode::kSmoke) {                                     \
    GTEST_SKIP() << "a drain of 35 s does not fit into a cycle of a smoke run"; \
  }                                                                             \
  static_assert(true)

constexpr nanoseconds kQuiet = 9min;  // At the end of a cycle: the longest session, and its end.

// In virtual time a day. Each cycle plays sessions with two clients, and then waits until all of them are gone.
SOAK_TEST(Listen, ADayWithAllFaultsAtOnceLeavesNothingBehind) {
  soak::AsyncRun run(
      {.title = "LISTEN SOAK / all faults", .duration = 24h, .reconnect_every = 20min, .early_stop = false});
  SKIP_IF_SMOKE(run);
  const NoLog no_log;
  PairOptions options;
  options.seed = run.seed();
  options.duration = run.settings().duration;
  PairWorld world(run.loop(), options);
  std::atomic<std::int64_t> sessions = 0;
  std::atomic<std::int64_t> connections = 0;
  run.add_gauge("connections", [&] { return connections.load(); });
  run.add_gauge("sessions", [&] { return sessions.load(); }, {.stands_for = "connections"});

  run.drive([&](soak::Cycle& cycle) -> Task<> {
    if (cycle.number() == 0) {
      Task<> beginning = world.begin();
      co_await std::move(beginning);
    }
    const auto client = [&](int number) -> Task<> {
      while (run.elapsed() < cycle.ends_at() - kQuiet) {
        Task<> session = world.session(number);
        co_await std::move(session);
        co_await soak::sleep_for(60s);
      }
    };
    std::vector<Task<>> clients;
    for (int i = 0; i < 2; ++i) {
      clients.push_back(client(i));
    }
    Task<std::vector<soak::GatherResult<void>>> all = soak::gather(std::move(clients), {.label = "clients"});
    const std::vector<soak::GatherResult<void>> played = co_await std::move(all);
    co_await soak::sleep_for(50s);
    world.rest();
    sessions = world.listen_active() + world.pusher_active();
    connections = world.connections();
    run.count("sessions", world.sessions() - run.counted("sessions"));
  });
  run.loop().run(world.end());

  for (const std::string& line : world.complaints()) {
    run.add_finding({"ledger", line, {}});
  }
  EXPECT_GT(world.faults(), 0u);
  EXPECT_SOAK(run);
}

// The two programs, and what is around them in this process.
class TwoProcesses {
 public:
  explicit TwoProcesses(soak::EventLoop& loop, nanoseconds segment_every = 2s)
      : http_(loop), stores_(loop), speech_(loop) {
    stores_.record = false;
    speech_.segment_every = segment_every;
    start_pusher();
    start_listen();
  }

  soak::probe::ProcessId listen_process() const { return {listen_->pid()}; }
  soak::probe::ProcessId pusher_process() const { return {pusher_->pid()}; }
  const std::string& url() const { return listen_url_; }
  const std::string& pusher_url() const { return pusher_url_; }
  StorePeer& stores() { return stores_; }

  void signal_pusher(int number) { pusher_->signal(number); }
  // Its next instance, on the same address.
  Task<> replace_pusher() {
    Task<int> ending = ended(*pusher_);
    [[maybe_unused]] const int status = co_await std::move(ending);
    start_pusher();
  }

  // A deploy of listen: its exit status, and the next instance on the same address.
  Task<int> replace_listen() {
    listen_->signal(SIGTERM);
    Task<int> ending = ended(*listen_);
    const int status = co_await std::move(ending);
    start_listen();
    co_return status;
  }

  // Waits until both gauges are at 0; false if they are not after a minute.
  Task<bool> settle() {
    for (int i = 0; i < 600; ++i) {
      bool quiet = true;
      for (const auto& [health, gauge] : {std::pair(&listen_health_, "listen_active_ws_connections 0\n"),
                                          std::pair(&pusher_health_, "pusher_active_ws_connections 0\n")}) {
        soak::net::HttpRequest request("GET", *health + "/metrics");
        Task<soak::net::HttpResponse> asking = http_.send(std::move(request));
        const soak::net::HttpResponse metrics = co_await std::move(asking);
        quiet = quiet && metrics.body.find(gauge) != std::string::npos;
      }
      if (quiet) {
        co_return true;
      }
      co_await soak::sleep_for(100ms);
    }
    co_return false;
  }

  // Both end within their drain.
  Task<> stop(soak::Run& run) {
    for (Program* const program : {listen_.get(), pusher_.get()}) {
      program->signal(SIGTERM);
      Task<int> ending = ended(*program);
      const int status = co_await std::move(ending);
      if (status != 0) {
        run.add_finding({"shutdown", "exit status " + std::to_string(status), {}});
      }
    }
  }

 private:
  static std::string url_after(const Program& program, const std::string& word) {
    const std::string words = soak::conftest::line_after(program.output(), word);
    return words.substr(0, words.find(' '));
  }

  static Task<int> ended(Program& program) {
    Task<soak::conftest::ProgramResult> ending = soak::run_blocking([&program] { return program.wait(); });
    const soak::conftest::ProgramResult result = co_await std::move(ending);
    co_return result.exit_status;
  }

  void start_listen() {
    std::vector<std::string> command{LISTEN_PROGRAM, pusher_url_, speech_.url(), stores_.url()};
    if (!listen_url_.empty()) {
      command.push_back(listen_url_.substr(listen_url_.rfind(':') + 1));
    }
    listen_ = std::make_unique<Program>(pusher::tests::without_log(std::move(command)));
    EXPECT_TRUE(listen_->read_until("\n")) << listen_->output();
    listen_url_ = url_after(*listen_, "listening ");
    listen_health_ = url_after(*listen_, " health ");
  }

  void start_pusher() {
    std::vector<std::string> command{PUSHER_PROGRAM, stores_.url()};
    if (!pusher_url_.empty()) {
      command.push_back(pusher_url_.substr(pusher_url_.rfind(':') + 1));
    }
    pusher_ = std::make_unique<Program>(pusher::tests::without_log(std::move(command)));
    EXPECT_TRUE(pusher_->read_until("\n")) << pusher_->output();
    pusher_url_ = url_after(*pusher_, "listening ");
    pusher_health_ = url_after(*pusher_, " health ");
  }

  soak::net::HttpClient http_;
  StorePeer stores_;
  SpeechPeer speech_;
  std::string pusher_url_;
  std::string pusher_health_;
  std::string listen_url_;
  std::string listen_health_;
  std::unique_ptr<Program> pusher_;
  std::unique_ptr<Program> listen_;
};

// Three streams at once, of which one leaves in mid-stream and one vanishes. In one cycle of four the pusher is killed
// under them and comes back, in one it is replaced as a deploy does, and in one listen is: its clients are told with
// 1001 and go on with the next instance, and what they had said by then is stored.
SOAK_TEST(Listen, TwoProcessesReturnToTheirBaselineWhateverHappensToTheirSessions) {
  soak::AsyncRun run(
      {.title = "LISTEN SOAK / two processes", .duration = 30min, .reconnect_every = 60s, .early_stop = false});
  SKIP_IF_SMOKE(run);
  if (run.mode() == soak::Mode::kVirtual) {
    GTEST_SKIP() << "processes have no virtual time";
  }
  const NoLog no_log;
  TwoProcesses services(run.loop());
  run.watch_process(services.listen_process(), "listen");
  run.watch_process(services.pusher_process(), "pusher");

  run.drive([&](soak::Cycle& cycle) -> Task<> {
    const nanoseconds length = std::max<nanoseconds>(cycle.ends_at() - run.elapsed() - 25s, 3s);
    const std::uint64_t before = services.stores().kept("private-cloud").bytes;
    const std::uint64_t fault_kind = cycle.number() % 4;  // 0: none.
    const bool deploys_listen = fault_kind == 3;
    std::uint64_t closed = 0;
    std::uint64_t sent = 0;
    std::uint64_t told = 0;
    soak::Event next_listen;
    // False if the service has ended it for a deploy.
    const auto stream = [&](int number, nanoseconds duration) -> Task<bool> {
      std::string query = "uid=u" + std::to_string(number) + "&language=en&sample_rate=16000";
      Task<VoiceClient> connecting = VoiceClient::connect(run.loop(), services.url(), std::move(query));
      VoiceClient client = co_await std::move(connecting);
      Task<> streaming = client.stream(duration, 100ms);
      bool ended = false;
      try {
        co_await std::move(streaming);
      } catch (const soak::net::ConnectionClosed& loss) {
        if (!deploys_listen || loss.status().code != soak::net::kCloseGoingAway) {
          throw;
        }
        ended = true;
      }
      sent += client.audio_sent();
      if (ended) {
        closed += client.audio_sent();
        co_return false;
      }
      if (number == 2) {
        client.vanish();
      } else {
        closed += client.audio_sent();
        Task<> closing = client.close();
        co_await std::move(closing);
      }
      run.count("streams");
      co_return true;
    };
    const auto user = [&](int number) -> Task<> {
      const soak::Instant end = run.loop().now() + (number == 1 ? std::min<nanoseconds>(5s, length) : length);
      for (;;) {
        Task<bool> streaming = stream(number, end - run.loop().now());
        const bool done = co_await std::move(streaming);
        if (done) {
          co_return;
        }
        ++told;
        co_await next_listen.wait();
      }
    };
    const auto fault = [&]() -> Task<> {
      if (fault_kind == 0) {
        co_return;
      }
      co_await soak::sleep_for(length / 3);
      if (deploys_listen) {
        run.mark("fault", "listen is replaced");
        Task<int> replacing = services.replace_listen();
        const int status = co_await std::move(replacing);
        if (status != 0) {
          run.add_finding({"deploy", "listen ended with exit status " + std::to_string(status), {}});
        }
        run.watch_process(services.listen_process(), "listen");
        next_listen.set();
        co_return;
      }
      run.mark("fault", fault_kind == 1 ? "the pusher is killed" : "the pusher is replaced");
      services.signal_pusher(fault_kind == 1 ? SIGKILL : SIGTERM);
      Task<> replacing = services.replace_pusher();
      co_await std::move(replacing);
      run.watch_process(services.pusher_process(), "pusher");
    };
    std::vector<Task<>> together;
    for (int i = 0; i < 3; ++i) {
      together.push_back(user(i));
    }
    together.push_back(fault());
    Task<std::vector<soak::GatherResult<void>>> all = soak::gather(std::move(together), {.label = "streams"});
    std::vector<soak::GatherResult<void>> ended = co_await std::move(all);
    for (soak::GatherResult<void>& one : ended) {
      if (!one.ok()) {
        run.add_finding({"stream", one.what(), {}});
      }
    }
    Task<bool> settling = services.settle();
    const bool settled = co_await std::move(settling);
    if (!settled) {
      run.add_finding({"ghosts", "a gauge is not at 0 a minute after the last client has left", {}});
    }
    const std::uint64_t stored = services.stores().kept("private-cloud").bytes - before;
    if (deploys_listen && told == 0) {
      run.add_finding({"deploy", "no client was told with 1001", {}});
    }
    // What was on its way when listen said 1001 is nobody's; that is a second of audio for each stream at most.
    const std::uint64_t on_its_way = told * 32000;
    const bool judged = fault_kind == 0 || deploys_listen;  // A killed pusher takes with it what it held.
    if (judged && (stored + on_its_way < closed || stored > sent)) {
      run.add_finding({"ledger",
                       "of " + std::to_string(closed) + " to " + std::to_string(sent) + " bytes, " +
                           std::to_string(stored) + " are stored",
                       {}});
    }
    services.stores().forget_keys();
  });
  run.loop().run(services.stop(run));

  EXPECT_SOAK(run);
}

// A client that costs as much as it can. Each round of it ends with a closed connection.
class HostileClient {
 public:
  HostileClient(soak::Run& run, soak::EventLoop& loop, std::string listen_url, std::string pusher_url)
      : run_(run), loop_(loop), listen_url_(std::move(listen_url)), pusher_url_(std::move(pusher_url)) {}

  Task<> attack(nanoseconds from, nanoseconds until) {
    co_await soak::sleep_for(from - run_.elapsed());
    for (int round = 0; run_.elapsed() < until; ++round) {
      try {
        Task<> one = round % 2 == 0 ? attack_listen(round / 2, until) : attack_pusher(round / 2);
        co_await std::move(one);
      } catch (const soak::Error&) {
        // It was thrown out.
      }
      run_.count("attacks");
      co_await soak::sleep_for(100ms);
    }
  }

 private:
  Task<> attack_listen(int kind, nanoseconds until) {
    Task<VoiceClient> connecting = VoiceClient::connect(loop_, listen_url_);
    VoiceClient client = co_await std::move(connecting);
    switch (kind % 5) {
      case 0:  // Oversized.
        co_await send(client, std::string(std::size_t{2} << 20, '\x01'));
        break;
      case 1:  // Cut off in the middle of a sample.
        co_await send(client, "abc");
        break;
      case 2: {  // Nested without an end.
        Task<> sending = client.send_text(std::string(std::size_t{1} << 19, '['));
        co_await std::move(sending);
        break;
      }
      case 3:  // Many small ones.
        for (int i = 0; i < 2000; ++i) {
          co_await send(client, std::string(2, '\x01'));
        }
        break;
      default:  // Never reads, and has much to be answered.
        client.socket().set_reading(false);
        while (run_.elapsed() < until) {
          co_await send(client, std::string(3200, '\x01'));
          co_await soak::sleep_for(20ms);
        }
        break;
    }
    Task<soak::net::CloseStatus> closing = client.closed();
    const soak::net::CloseStatus status = co_await soak::with_timeout(2s, std::move(closing));
    static_cast<void>(status);
  }

  Task<> attack_pusher(int kind) {
    std::string url = pusher_url_ + "/v1/trigger/listen?uid=evil&sample_rate=16000";
    Task<std::unique_ptr<soak::net::WebSocket>> connecting = soak::net::connect_websocket(loop_, std::move(url));
    const std::unique_ptr<soak::net::WebSocket> socket = co_await std::move(connecting);
    std::string frame;
    switch (kind % 5) {
      case 0:  // Of an unknown type.
        frame.assign("\x63\x00\x00\x00 payload", 12);
        break;
      case 1:  // Cut off in the middle of a time.
        frame.assign("\x65\x00\x00\x00\x01", 5);
        break;
      case 2:  // Oversized.
        frame.assign(std::size_t{5} << 20, '\x65');
        break;
      case 3:  // Nested without an end.
        frame.assign("\x66\x00\x00\x00", 4);
        frame += R"({"segments":)" + std::string(std::size_t{1} << 20, '[');
        break;
      default:  // Half a message, and then nothing.
        socket->set_reading(false);
        frame.assign("\x64\x00\x00\x00", 4);
        break;
    }
    Task<> sending = socket->send_binary(std::move(frame));
    co_await std::move(sending);
    co_await soak::sleep_for(500ms);
  }

  static Task<> send(VoiceClient& client, std::string bytes) { return client.socket().send_binary(std::move(bytes)); }

  soak::Run& run_;
  soak::EventLoop& loop_;
  std::string listen_url_;
  std::string pusher_url_;
};

// Five users stream, and for most of each cycle four clients attack both services. What the users say comes back to
// them in time: 99 % of the answers within 40 ms of the audio. On a machine where they are late without any attack,
// that is not judged.
constexpr nanoseconds kAttackedMax = 40ms;
constexpr nanoseconds kQuietMax = 20ms;

SOAK_TEST(Listen, AHostileClientCostsItselfAlone) {
  soak::AsyncRun run(
      {.title = "LISTEN SOAK / hostile clients", .duration = 5min, .reconnect_every = 30s, .early_stop = false});
  if (run.mode() != soak::Mode::kReal) {
    GTEST_SKIP() << "lateness has no meaning in virtual time, and little in two seconds";
  }
  const NoLog no_log;
  TwoProcesses services(run.loop(), 100ms);
  run.watch_process(services.listen_process(), "listen");
  run.watch_process(services.pusher_process(), "pusher");

  run.drive([&](soak::Cycle& cycle) -> Task<> {
    const nanoseconds fifth = (cycle.ends_at() - run.elapsed()) / 5;
    const nanoseconds attacked_from = run.elapsed() + fifth;
    const nanoseconds until = cycle.ends_at() - fifth;
    const auto user = [&](int number) -> Task<> {
      std::string query = "uid=u" + std::to_string(number) + "&language=en&sample_rate=16000";
      Task<VoiceClient> connecting = VoiceClient::connect(run.loop(), services.url(), std::move(query));
      VoiceClient client = co_await std::move(connecting);
      Task<std::string> waiting = client.text_with("ready");
      const std::string ready = co_await std::move(waiting);
      while (run.elapsed() < until) {
        const nanoseconds at = run.elapsed();
        const char* const stream = at < attacked_from ? "quiet" : "attacked";
        run.due(stream, at);
        Task<> sending = client.send_audio(100ms);
        co_await std::move(sending);
        Task<std::string> hearing = client.text_with("segments");
        const std::string heard = co_await std::move(hearing);
        run.met(stream, at);
        co_await soak::sleep_for(std::max<nanoseconds>(at + 100ms - run.elapsed(), 0ns));
      }
      Task<> closing = client.close();
      co_await std::move(closing);
    };
    std::vector<Task<>> all;
    std::vector<std::unique_ptr<HostileClient>> hostile;
    for (int i = 0; i < 5; ++i) {
      all.push_back(user(i));
    }
    for (int i = 0; i < 4; ++i) {
      hostile.push_back(std::make_unique<HostileClient>(run, run.loop(), services.url(), services.pusher_url()));
      all.push_back(hostile.back()->attack(attacked_from, until));
    }
    Task<std::vector<soak::GatherResult<void>>> together = soak::gather(std::move(all), {.label = "clients"});
    std::vector<soak::GatherResult<void>> ended = co_await std::move(together);
    for (int i = 0; i < 5; ++i) {
      if (!ended[static_cast<std::size_t>(i)].ok()) {
        run.add_finding({"user", ended[static_cast<std::size_t>(i)].what(), {}});
      }
    }
    services.stores().forget_keys();
  });
  run.loop().run(services.stop(run));

  const soak::Verdict& verdict = run.verdict();
  static_cast<void>(verdict);
  EXPECT_GT(run.counted("attacks"), 10u);
  std::map<std::string, nanoseconds> p99;
  for (const soak::report::Traffic& stream : run.record().traffic) {
    p99[stream.counter] = stream.late.percentile(0.99);
  }
  ASSERT_TRUE(p99.contains("quiet") && p99.contains("attacked"));
  EXPECT_SOAK(run);
  if (p99["quiet"] >= kQuietMax) {
    GTEST_SKIP() << "the machine is too busy to judge: p99 is " << p99["quiet"] / 1ms << " ms without any attack";
  }
  EXPECT_LT(p99["attacked"], kAttackedMax);
}

// Opens sessions in ten steps, for `soak capacity`: the series listen.sessions, listen.rss and listen.cpu_millicores.
// LISTEN_SESSIONS sets how many there are at the end.
SOAK_TEST(Listen, Capacity) {
  soak::AsyncRun run(
      {.title = "LISTEN SOAK / capacity", .duration = 10min, .reconnect_every = 10min, .early_stop = false});
  SKIP_IF_SMOKE(run);
  if (run.mode() == soak::Mode::kVirtual) {
    GTEST_SKIP() << "processes have no virtual time";
  }
  const NoLog no_log;
  const char* const text = std::getenv("LISTEN_SESSIONS");
  const int most = text == nullptr ? 200 : std::atoi(text);
  TwoProcesses services(run.loop());
  run.watch_process(services.listen_process(), "listen");
  soak::probe::ProcessorUse use(services.listen_process());
  std::atomic<std::int64_t> open = 0;
  run.add_gauge("listen.sessions", [&open] { return open.load(); });
  run.add_gauge("listen.cpu_millicores", [&use] { return use.millicores(); });

  run.drive([&](soak::Cycle& cycle) -> Task<> {
    constexpr int kSteps = 10;
    const nanoseconds step = (cycle.ends_at() - run.elapsed()) / (kSteps + 2);
    const soak::Instant began = run.loop().now();
    const auto session = [&](int number) -> Task<> {
      const int in_step = number * kSteps / most;
      co_await soak::sleep_until(began + step * in_step + step * number / most);
      std::string query = "uid=u" + std::to_string(number) + "&language=en&sample_rate=16000";
      Task<VoiceClient> connecting = VoiceClient::connect(run.loop(), services.url(), std::move(query));
      VoiceClient client = co_await std::move(connecting);
      ++open;
      Task<> streaming = client.stream(began + step * (kSteps + 1) - run.loop().now(), 1s);
      co_await std::move(streaming);
      --open;
      Task<> closing = client.close();
      co_await std::move(closing);
    };
    std::vector<Task<>> sessions;
    for (int i = 0; i < most; ++i) {
      sessions.push_back(session(i));
    }
    Task<std::vector<soak::GatherResult<void>>> all =
        soak::gather(std::move(sessions), {.label = "sessions", .max_concurrency = soak::kUnlimited});
    std::vector<soak::GatherResult<void>> ended = co_await std::move(all);
    const auto lost = std::count_if(ended.begin(), ended.end(), [](const auto& one) { return !one.ok(); });
    if (lost > 0) {
      run.add_finding({"sessions", std::to_string(lost) + " of " + std::to_string(most) + " were lost", {}});
    }
  });
  run.loop().run(services.stop(run));

  const soak::Verdict& verdict = run.verdict();
  static_cast<void>(verdict);
  EXPECT_SOAK(run);
}

}  // namespace
}  // namespace pusher::listen::tests

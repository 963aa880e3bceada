// SPDX-License-Identifier: Apache-2.0
// What a session costs a listen service: listen_bench SESSIONS SECONDS COMMAND [ARGUMENT...]
//
// Starts COMMAND, in which {pusher}, {speech} and {stores} stand for the URLs of the fakes in this process, and which
// prints "listening URL" once it listens. Opens that many sessions, each of which sends 100 ms of audio a second, for
// that long, and closes all of them at once. Prints one line of JSON about the process of COMMAND:
//   bytes_a_session   by which its RSS rose, once all of them are open and have had ten seconds
//   cpu_us_a_session_second   of processor time, while they stream
//   teardown_ms       until their connections are gone but for what the stores' may be; teardown_cpu_ms of processor
//   time

#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "conftest/subprocess.h"
#include "pusher/options.h"
#include "soak/event_loop.h"
#include "soak/gather.h"
#include "soak/log.h"
#include "soak/probe/process.h"
#include "tests/examples/pusher/listen/pusher_peer.h"
#include "tests/examples/pusher/listen/speech_peer.h"
#include "tests/examples/pusher/listen/voice_client.h"
#include "tests/examples/pusher/store_peer.h"
#include "tests/examples/pusher/without_log.h"

namespace {

using namespace std::chrono_literals;
using pusher::listen::tests::PusherPeer;
using pusher::listen::tests::SpeechPeer;
using pusher::listen::tests::VoiceClient;
using pusher::tests::StorePeer;
using soak::Task;
using soak::conftest::Program;

void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  return at == std::string::npos ? text : text.replace(at, what.size(), with);
}

class Measured {
 public:
  explicit Measured(pid_t pid) : process_(soak::probe::ProcessId{pid}) { ::clock_getcpuclockid(pid, &clock_); }
  double rss() const { return static_cast<double>(process_.rss_bytes().value_or(0)); }
  double cpu_seconds() const {
    timespec now{};
    ::clock_gettime(clock_, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
  }
  std::int64_t descriptors() const { return process_.open_fds().value_or(0); }

 private:
  soak::probe::Process process_;
  clockid_t clock_{};
};

class Bench {
 public:
  Bench(soak::EventLoop& loop, int sessions, std::chrono::seconds length, std::vector<std::string> command)
      : loop_(loop), sessions_(sessions), length_(length), stores_(loop), speech_(loop), pusher_(loop) {
    stores_.record = false;
    speech_.segment_every = 1s;
    pusher_.answers = true;
    pusher_.keep = false;
    for (std::string& word : command) {
      word = replaced(std::move(word), "{pusher}", pusher_.url());
      word = replaced(std::move(word), "{speech}", speech_.url());
      word = replaced(std::move(word), "{stores}", stores_.url());
    }
    program_ = std::make_unique<Program>(pusher::tests::without_log(std::move(command)));
    if (!program_->read_until("listening ") || !program_->read_until("\n")) {
      throw soak::Error(soak::Errc::kConnectFailed, "the command does not listen: " + program_->output());
    }
    const std::string words = soak::conftest::line_after(program_->output(), "listening ");
    url_ = words.substr(0, words.find(' '));
  }

  Task<> run() {
    const Measured measured(program_->pid());
    // Once through, so that its code and its libraries are in memory.
    Task<VoiceClient> first = VoiceClient::connect(loop_, url_);
    {
      VoiceClient client = co_await std::move(first);
      Task<> streaming = client.stream(3s, 1s);
      co_await std::move(streaming);
      Task<> closing = client.close();
      co_await std::move(closing);
    }
    co_await soak::sleep_for(2s);
    const double rss_before = measured.rss();

    std::vector<Task<>> all;
    for (int i = 0; i < sessions_; ++i) {
      all.push_back(session(i));
    }
    soak::TaskGroup streams(loop_);
    Task<std::vector<soak::GatherResult<void>>> together =
        soak::gather(std::move(all), {.label = "sessions", .max_concurrency = soak::kUnlimited});
    streams.start("streams", note(std::move(together)), soak::TaskKind::kFinite);
    while (open_ + failed_ < sessions_) {
      co_await soak::sleep_for(50ms);
    }
    co_await soak::sleep_for(10s);
    const double rss = measured.rss();
    const double cpu_before = measured.cpu_seconds();
    const soak::Instant began = loop_.now();
    co_await soak::sleep_for(length_);
    const double seconds = std::chrono::duration<double>(loop_.now() - began).count();
    const double cpu = measured.cpu_seconds() - cpu_before;

    // A session has three: its client, speech to text and the pusher. What it says last may open all connections to the
    // stores that there may be, and these stay.
    const std::int64_t descriptors_left = measured.descriptors() - std::int64_t{3} * (sessions_ - failed_) +
                                          static_cast<std::int64_t>(pusher::StoreOptions().connections_max);
    const double teardown_cpu = measured.cpu_seconds();
    const soak::Instant ending = loop_.now();
    leave_.set();
    while (measured.descriptors() > descriptors_left && loop_.now() - ending < 60s) {
      co_await soak::sleep_for(10ms);
    }
    const double teardown = std::chrono::duration<double, std::milli>(loop_.now() - ending).count();
    const double teardown_used = measured.cpu_seconds() - teardown_cpu;
    Task<soak::DrainResult> draining = soak::drain(streams, {.timeout = 10s});
    const soak::DrainResult drained = co_await std::move(draining);
    static_cast<void>(drained);
    fmt::print(
        "{{\"sessions\":{},\"failed\":{},\"bytes_a_session\":{:.0f},\"cpu_us_a_session_second\":{:.2f},"
        "\"teardown_ms\":{:.0f},\"teardown_cpu_ms\":{:.1f},\"segments\":{}}}\n",
        sessions_, failed_, (rss - rss_before) / sessions_, cpu * 1e6 / seconds / sessions_, teardown,
        teardown_used * 1e3, speech_.segments());
    program_->signal(SIGKILL);
  }

 private:
  Task<> note(Task<std::vector<soak::GatherResult<void>>> together) {
    const std::vector<soak::GatherResult<void>> ended = co_await std::move(together);
    static_cast<void>(ended);
  }

  Task<> session(int number) {
    // Fifty a second: a handler that needs a whole core for its sessions opens no more than that.
    co_await soak::sleep_for(std::chrono::milliseconds(20) * number);
    std::string query = "uid=u" + std::to_string(number) + "&language=en&sample_rate=16000";
    try {
      Task<VoiceClient> connecting = VoiceClient::connect(loop_, url_, std::move(query));
      VoiceClient client = co_await std::move(connecting);
      ++open_;
      for (;;) {
        Task<> sending = client.send_audio(100ms);
        co_await std::move(sending);
        const bool leaving = co_await leave_.wait_for(1s);
        if (leaving) {
          break;
        }
      }
      Task<> closing = client.close();
      co_await std::move(closing);
    } catch (const soak::Error&) {
      ++failed_;
    }
  }

  soak::EventLoop& loop_;
  int sessions_;
  std::chrono::seconds length_;
  StorePeer stores_;
  SpeechPeer speech_;
  PusherPeer pusher_;
  std::unique_ptr<Program> program_;
  std::string url_;
  int open_ = 0;
  int failed_ = 0;
  soak::Event leave_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || std::atoi(argv[1]) < 1 || std::atoi(argv[2]) < 1) {
    std::fputs("usage: listen_bench SESSIONS SECONDS COMMAND [ARGUMENT...]\n", stderr);
    return 2;
  }
  allow_many_descriptors();
  soak::set_log_sink([](const soak::LogRecord&) {});
  try {
    soak::UvLoop loop;
    Bench bench(loop, std::atoi(argv[1]), std::chrono::seconds(std::atoi(argv[2])),
                std::vector<std::string>(argv + 3, argv + argc));
    loop.run(bench.run());
  } catch (const std::exception& error) {
    std::fputs(fmt::format("listen_bench: {}\n", error.what()).c_str(), stderr);
    return 1;
  }
  return 0;
}

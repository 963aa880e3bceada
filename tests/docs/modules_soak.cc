// SPDX-License-Identifier: Apache-2.0
// The code of README.md and of the pages in docs/modules/, compiled and run. check_docs.sh compares the pages with this
// file.

#include <soak/audio/file.h>
#include <soak/channels/message_stream.h>
#include <soak/channels/telegram.h>
#include <soak/fault/script.h>
#include <soak/gather.h>
#include <soak/growth/verdict.h>
#include <soak/matchers.h>
#include <soak/metrics/endpoint.h>
#include <soak/metrics/metrics.h>
#include <soak/net/http_client.h>
#include <soak/net/http_server.h>
#include <soak/peers/openai_realtime_peer.h>
#include <soak/peers/telegram_peer.h>
#include <soak/probe/probe.h>
#include <soak/report/compare.h>
#include <soak/report/read_json.h>
#include <soak/report/summary.h>
#include <soak/soak.h>
#include <soak/soak_test.h>
#include <soak/voice/microphone.h>
#include <soak/voice/openai_realtime.h>

#include <gmock/gmock.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"
#include "soak/report/files.h"
#include "soak/report/json.h"

namespace {

using namespace std::chrono_literals;

class Cache {
 public:
  void put(int key, std::string blob) { blobs_[key] = std::move(blob); }

 private:
  std::map<int, std::string> blobs_;
};

int random_key() {
  static int key = 0;
  return ++key % 100;
}

std::string random_blob() { return std::string(100, 'x'); }

// README.md and gating.md

SOAK_TEST(Cache, SurvivesChurn) {
  Cache cache;
  soak::Run run;            // duration, budgets, seed: flags and SOAK_* environment
  for (auto cycle : run) {  // samples, shows progress, ends on time
    cache.put(random_key(), random_blob());
    run.count("puts");
  }
  EXPECT_SOAK(run);  // the summary line, then one failure per broken budget
}

// voice.md

SOAK_TEST(Voice, OpenAiRealtime) {
  soak::AsyncRun run({.reconnect_every = 90s, .rss_growth_max = 20 * soak::kMiB});
  soak::peers::OpenAiRealtimePeer peer(run.loop());    // loopback port; in memory under virtual time
  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {  // one connection's life
    soak::voice::OpenAiRealtimeClient client(run.loop(), {.url = peer.url()});
    co_await client.connect();
    co_await soak::voice::stream_microphone(client, cycle, {.frame = 40ms});
    co_await client.close();
  });
  EXPECT_SOAK(run);
}

// drive.md

SOAK_TEST(Api, AnswersEveryRequest) {
  soak::AsyncRun run({.reconnect_every = 10s});
  soak::net::HttpServer server(run.loop(),
                               [](soak::net::HttpServerRequest request) -> soak::Task<soak::net::HttpReply> {
                                 co_return soak::net::HttpReply(200, "hello " + request.path);
                               });
  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    soak::net::HttpClient client(run.loop());
    while (run.elapsed() < cycle.ends_at()) {
      soak::net::HttpRequest request("GET", server.url() + "/you");
      const soak::net::HttpResponse response = co_await client.send(std::move(request));
      EXPECT_EQ(response.body, "hello /you");
      run.count("requests");
      co_await soak::sleep_for(100ms);
    }
  });
  EXPECT_SOAK(run);
}

// channels.md

SOAK_TEST(Channels, TelegramDeliversOnce) {
  soak::AsyncRun run({.duration = 1h});
  soak::peers::TelegramPeer peer(run.loop());
  soak::channels::TelegramOptions options{.url = peer.url(), .token = "1:secret"};
  options.delivery.pacing = run.mode() != soak::Mode::kSmoke;  // That sends four messages in two seconds.
  soak::channels::TelegramChannel channel(run.loop(), options);
  soak::channels::MessageStream messages(run, run.loop(), channel, {.conversations = {"42"}});
  run.drive([&](soak::Cycle& cycle) { return messages.send_until_end_of(cycle); });
  messages.judge();
  EXPECT_SOAK(run);
}

// peers.md

TEST(PeersTest, AFakeKeepsALedger) {
  soak::VirtualLoop loop;
  soak::peers::TelegramPeer peer(loop);
  soak::net::HttpClient client(loop);
  soak::net::HttpRequest request("POST", peer.url() + "/bot1:secret/sendMessage", R"({"chat_id":42,"text":"hello"})",
                                 {{"Content-Type", "application/json"}});

  const soak::net::HttpResponse response = loop.run(client.send(std::move(request)));

  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(peer.ledger().requests, 1u);
}

// fault.md

TEST(FaultTest, EveryConnectionIsResetAfterThreeSeconds) {
  soak::VirtualLoop loop;
  soak::fault::Script script(
      [](std::uint64_t) { return std::vector<soak::fault::Fault>{{.kind = soak::fault::Kind::kReset, .after = 3s}}; });
  soak::peers::OpenAiRealtimePeer peer(loop, {.faults = &script});
  soak::voice::OpenAiRealtimeClient client(loop, {.url = peer.url()});

  loop.run([&]() -> soak::Task<> {
    co_await client.connect();
    co_await soak::sleep_for(4s);
  }());

  EXPECT_EQ(script.played(soak::fault::Kind::kReset), 1u);
}

// async.md

soak::Task<int> answer(int question) {
  co_await soak::sleep_for(1s);
  if (question == 2) {
    throw std::runtime_error("no answer to 2");
  }
  co_return question * 10;
}

TEST(AsyncTest, AnExceptionIsNotAValue) {
  soak::VirtualLoop loop;  // The second passes at once.
  std::vector<soak::Task<int>> questions;
  for (int question = 1; question <= 3; ++question) {
    questions.push_back(answer(question));
  }

  auto results = loop.run(soak::gather(std::move(questions), {.label = "answers", .timeout = 30s}));

  EXPECT_EQ(results[0].value(), 10);
  EXPECT_EQ(results[1].outcome(), soak::GatherOutcome::kFailed);
  EXPECT_EQ(results[2].value(), 30);
}

// matchers.md

TEST(MatchersTest, ExplainWhatTheyGot) {
  soak::VirtualLoop loop;
  soak::TaskGroup sessions(loop);
  sessions.start("short", soak::sleep_for(1s));
  sessions.start("long", soak::sleep_for(1h));

  const soak::DrainResult drained = loop.run(soak::drain(sessions, {.timeout = 5s}));

  EXPECT_THAT(drained, testing::Not(soak::DrainedClean()));
}

// metrics.md

TEST(MetricsTest, AreServedToPrometheus) {
  const soak::metrics::Counter orders = soak::metrics::counter("orders_total", "Orders taken.", {{"shop", "north"}});
  orders.increment();

  soak::metrics::Endpoint endpoint({.port = 0});  // http://127.0.0.1:PORT/metrics, on a thread of its own

  EXPECT_NE(endpoint.port(), 0);
  EXPECT_EQ(orders.value(), 1);
}

// net.md

TEST(NetTest, AServerAndAClientMeetInMemory) {
  soak::VirtualLoop loop;  // With a soak::UvLoop, the same code uses sockets.
  soak::net::HttpServer server(loop, [](soak::net::HttpServerRequest request) -> soak::Task<soak::net::HttpReply> {
    co_return soak::net::HttpReply(200, "hello " + request.path);
  });
  soak::net::HttpClient client(loop);

  const soak::net::HttpResponse response = loop.run(client.send(soak::net::HttpRequest("GET", server.url() + "/you")));

  EXPECT_EQ(response.body, "hello /you");
}

// probe.md

TEST(ProbeTest, JudgesWhatThisProcessHolds) {
  soak::probe::Probe probe;
  for (std::uint64_t i = 0; i < 100; ++i) {
    probe.sample(i * 1s, i);  // At this time since the start; from any thread.
    probe.rest(i * 1s, i);    // Nothing is in flight now: this is a quiescent point.
  }

  const soak::probe::Verdict verdict = soak::probe::judge(
      probe.measurements(), {.rss_growth_bytes_max = 50 << 20, .heap_per_cycle_bytes_max = 16 << 10});

  EXPECT_TRUE(verdict.passed());
}

// report.md

void write_reports(const std::string& before, const std::string& after) {
  soak::report::Record record;
  record.name = "Soak/A.B";
  record.mode = "real";
  EXPECT_EQ(soak::report::write_file(before, soak::report::to_json(record)), "");
  EXPECT_EQ(soak::report::write_file(after, soak::report::to_json(record)), "");
}

bool got_worse(const std::string& before, const std::string& after) {
  const soak::report::Record old_run = soak::report::read_json_file(before);
  const soak::report::Record new_run = soak::report::read_json_file(after);
  const soak::report::Comparison comparison = soak::report::compare(old_run, new_run);
  std::fputs(soak::report::comparison_text(comparison).c_str(), stdout);
  return comparison.overall() == soak::report::Change::kWorse;
}

TEST(ReportTest, ComparesTwoRuns) {
  const soak::conftest::ScratchFolder folder;
  write_reports(folder / "old.json", folder / "new.json");

  EXPECT_FALSE(got_worse(folder / "old.json", folder / "new.json"));
}

// audio.md

std::vector<std::byte> speech_for(int rate_hz, const std::string& recorded, const std::string& copy) {
  soak::audio::Pcm speech = soak::audio::read_file(recorded, rate_hz);  // WAV, FLAC, Ogg, MP3: resampled to one channel
  soak::audio::Recording recording(copy, rate_hz);
  recording.append(speech.bytes);
  return std::move(speech.bytes);
}

TEST(AudioTest, ReadsAndWritesSpeech) {
  const soak::conftest::ScratchFolder folder;
  {
    soak::audio::Recording recording(folder / "a.wav", 16'000);
    recording.append(std::vector<std::byte>(32'000));
  }

  EXPECT_EQ(speech_for(24'000, folder / "a.wav", folder / "b.wav").size(), 48'000u);
}

}  // namespace

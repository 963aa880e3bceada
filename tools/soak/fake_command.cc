// SPDX-License-Identifier: Apache-2.0
// soak fake: a fake provider on its own, for tests of clients in any language.

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include "commands.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/peers/openai_realtime_peer.h"

namespace soak::tools {
namespace {

struct FakeArguments {
  int port = 0;
  std::uint64_t seed = 1;
  std::string api_key;
};

std::string totals(const peers::OpenAiRealtimeLedger& ledger) {
  return fmt::format(
      "sessions={} lost={} open={} refused={} auth_failures={} events={} audio_frames={} audio_bytes={} responses={} "
      "errors={}",
      ledger.sessions_opened, ledger.sessions_lost, ledger.sessions_open, ledger.refused_handshakes,
      ledger.auth_failures, ledger.events_received, ledger.audio_frames_received, ledger.audio_bytes_received,
      ledger.responses_done, ledger.errors_sent);
}

Task<> wait_then_close(Event& stop, peers::OpenAiRealtimePeer& peer) {
  co_await stop.wait();
  co_await peer.close();
}

int run_openai(const FakeArguments& arguments) {
  // The signals are taken by a thread that waits for them; every other thread inherits the mask.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  UvLoop loop({.seed = arguments.seed});
  peers::OpenAiRealtimePeerOptions options;
  options.port = static_cast<std::uint16_t>(arguments.port);
  options.seed = arguments.seed;
  options.api_key = arguments.api_key;
  std::unique_ptr<peers::OpenAiRealtimePeer> peer;
  try {
    peer = std::make_unique<peers::OpenAiRealtimePeer>(loop, options);
  } catch (const Error& error) {
    fmt::print(stderr, "soak fake: {}\n", error.what());
    return kFailed;
  }
  fmt::print("openai: listening on {}\n", peer->url());
  std::fflush(stdout);

  Event stop;
  std::thread signals([&ends, &loop, &stop] {
    int signal_number = 0;
    sigwait(&ends, &signal_number);
    loop.post([&stop] { stop.set(); });
  });
  loop.run(wait_then_close(stop, *peer));
  signals.join();
  fmt::print("openai: {}\n", totals(peer->ledger()));
  return kPassed;
}

}  // namespace

Command add_fake_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("fake", "Run a fake provider until SIGINT or SIGTERM, then print its ledger.");
  command->require_subcommand(1);
  CLI::App* openai = command->add_subcommand("openai", "OpenAI Realtime, in its GA wire format");
  auto arguments = std::make_shared<FakeArguments>();
  openai->add_option("--port", arguments->port, "The port on 127.0.0.1; 0, the default, takes a free one")
      ->check(CLI::Range(0, 65535));
  openai->add_option("--seed", arguments->seed, "What its ids and masks follow from")->capture_default_str();
  openai->add_option("--api-key", arguments->api_key, "The only key that is let in; any key unless given");
  return [arguments] { return run_openai(*arguments); };
}

}  // namespace soak::tools

// SPDX-License-Identifier: Apache-2.0
// soak fake: a fake provider on its own, for tests of clients in any language.

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include "commands.h"
#include "soak/detail/descriptor_limit.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/peers/channel_ledger.h"
#include "soak/peers/discord_peer.h"
#include "soak/peers/gemini_live_peer.h"
#include "soak/peers/openai_realtime_peer.h"
#include "soak/peers/slack_peer.h"
#include "soak/peers/telegram_peer.h"
#include "tls_options.h"

namespace soak::tools {
namespace {

// A session holds one; libwebsockets keeps a table of as many.
constexpr std::uint64_t kDescriptors = 65536;

struct FakeArguments {
  int port = 0;
  std::uint64_t seed = 1;
  std::string key;  // An API key, or a token.
  TlsArguments tls;
};

struct OpenAiArguments : FakeArguments {
  double session_max_sec = 3600;
};

struct ChannelArguments : FakeArguments {
  bool no_limits = false;
};

struct GeminiArguments : FakeArguments {
  double connection_max_sec = 600;
  double go_away_before_sec = 60;
  bool text_frames = false;
};

std::string totals(const peers::OpenAiRealtimeLedger& ledger) {
  return fmt::format(
      "sessions={} lost={} open={} refused={} auth_failures={} events={} audio_frames={} audio_bytes={} responses={} "
      "tool_calls={} tool_results={} errors={}",
      ledger.sessions_opened, ledger.sessions_lost, ledger.sessions_open, ledger.refused_handshakes,
      ledger.auth_failures, ledger.events_received, ledger.audio_frames_received, ledger.audio_bytes_received,
      ledger.responses_done, ledger.tool_calls_sent, ledger.tool_calls_answered, ledger.errors_sent);
}

std::string totals(const peers::GeminiLiveLedger& ledger) {
  return fmt::format(
      "sessions={} resumed={} lost={} open={} refused={} auth_failures={} messages={} audio_frames={} audio_bytes={} "
      "turns={} interrupted={} tool_calls={} tool_results={} go_aways={} expired={} messages_refused={} "
      "last_refusal=\"{}\"",
      ledger.sessions_opened, ledger.sessions_resumed, ledger.sessions_lost, ledger.sessions_open,
      ledger.connections_refused, ledger.auth_failures, ledger.messages_received, ledger.audio_frames_received,
      ledger.audio_bytes_received, ledger.turns_completed, ledger.turns_interrupted, ledger.tool_calls_sent,
      ledger.tool_calls_answered, ledger.go_aways_sent, ledger.deadlines_expired, ledger.messages_refused,
      ledger.last_refusal);
}

std::string totals(const peers::ChannelLedger& ledger) {
  return fmt::format(
      "requests={} stored={} deduplicated={} refused={} rate_limited={} failed={} resets={} polls={} auth_failures={} "
      "stored_twice={} out_of_order={} inside_window={} sent_again={} max_consecutive_429s={} largest_wave={}",
      ledger.requests, ledger.messages_stored, ledger.messages_deduplicated, ledger.refused, ledger.rate_limited,
      ledger.failed, ledger.resets, ledger.polls, ledger.credential_failures, ledger.stored_twice, ledger.out_of_order,
      ledger.inside_window, ledger.sent_again, ledger.longest_429_row, ledger.largest_wave);
}

// Where else than at its URL a fake is to be found.
template <typename Peer>
std::string webhook_of(const Peer& peer) {
  if constexpr (requires { peer.webhook_url(); }) {
    return peer.webhook_url();
  }
  return {};
}

template <typename Peer>
Task<> wait_then_close(Event& stop, Peer& peer) {
  co_await stop.wait();
  co_await peer.close();
}

// Of a channel, what its client did and should not have.
template <typename Ledger>
void print_findings(const char* name, const Ledger& ledger) {
  if constexpr (requires { ledger.findings; }) {
    for (const peers::ChannelFinding& finding : ledger.findings) {
      fmt::print("{}: {}: {}\n", name, peers::to_string(finding.kind), finding.text);
    }
  }
}

// Runs a Peer until SIGINT or SIGTERM.
template <typename Peer, typename Options>
int run_fake(const char* name, const FakeArguments& arguments, Options options) {
  // The signals are taken by a thread that waits for them; every other thread inherits the mask.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  detail::raise_descriptor_limit(kDescriptors);
  UvLoop loop({.seed = arguments.seed});
  options.port = static_cast<std::uint16_t>(arguments.port);
  options.seed = arguments.seed;
  if constexpr (requires { options.token; }) {
    options.token = arguments.key;
  } else {
    options.api_key = arguments.key;
  }
  std::unique_ptr<Peer> peer;
  std::unique_ptr<net::TestCa> ca;
  try {
    options.tls = identity_of(arguments.tls, ca);
    peer = std::make_unique<Peer>(loop, options);
  } catch (const Error& error) {
    fmt::print(stderr, "soak fake: {}\n", error.what());
    return kFailed;
  }
  fmt::print("{}: listening on {}\n", name, peer->url());
  if (const std::string webhook = webhook_of(*peer); !webhook.empty()) {
    fmt::print("{}: webhook at {}\n", name, webhook);
  }
  if (ca != nullptr) {
    fmt::print("{}: to be trusted by the CA in {}\n", name, ca->ca_file());
  }
  std::fflush(stdout);

  Event stop;
  std::thread signals([&ends, &loop, &stop] {
    int signal_number = 0;
    sigwait(&ends, &signal_number);
    loop.post([&stop] { stop.set(); });
  });
  loop.run(wait_then_close(stop, *peer));
  signals.join();
  fmt::print("{}: {}\n", name, totals(peer->ledger()));
  print_findings(name, peer->ledger());
  return kPassed;
}

std::chrono::nanoseconds seconds(double number) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(number));
}

int run_openai(const OpenAiArguments& arguments) {
  peers::OpenAiRealtimePeerOptions options;
  options.session_max = seconds(arguments.session_max_sec);
  return run_fake<peers::OpenAiRealtimePeer>("openai", arguments, options);
}

int run_gemini(const GeminiArguments& arguments) {
  peers::GeminiLivePeerOptions options;
  options.connection_max = seconds(arguments.connection_max_sec);
  options.go_away_before = seconds(arguments.go_away_before_sec);
  options.text_frames = arguments.text_frames;
  return run_fake<peers::GeminiLivePeer>("gemini", arguments, options);
}

template <typename Peer, typename Options>
int run_channel(const char* name, const ChannelArguments& arguments) {
  Options options;
  options.limits.on = !arguments.no_limits;
  return run_fake<Peer>(name, arguments, options);
}

void add_options(CLI::App& command, FakeArguments& arguments, const char* key_option = "--api-key",
                 const char* key_meaning = "The only key that is let in; any key unless given") {
  command.add_option("--port", arguments.port, "The port on 127.0.0.1; 0, the default, takes a free one")
      ->check(CLI::Range(0, 65535));
  command.add_option("--seed", arguments.seed, "What its ids and masks follow from")->capture_default_str();
  command.add_option(key_option, arguments.key, key_meaning);
  add_tls_options(command, arguments.tls);
}

CLI::App* add_channel(CLI::App& command, const char* name, const char* what, ChannelArguments& arguments) {
  CLI::App* channel = command.add_subcommand(name, what);
  add_options(*channel, arguments, "--token", "The only token that is let in; any token unless given");
  channel->add_flag("--no-limits", arguments.no_limits, "No rate limits, for measuring throughput");
  return channel;
}

}  // namespace

Command add_fake_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("fake", "Run a fake provider until SIGINT or SIGTERM, then print its ledger.");
  command->require_subcommand(1);
  constexpr double kDay = 86'400;
  CLI::App* openai = command->add_subcommand("openai", "OpenAI Realtime, in its GA wire format");
  auto openai_arguments = std::make_shared<OpenAiArguments>();
  add_options(*openai, *openai_arguments);
  openai->add_option("--session-max-sec", openai_arguments->session_max_sec, "How long a session lives")
      ->check(CLI::Range(0.001, kDay))
      ->capture_default_str();

  CLI::App* gemini = command->add_subcommand("gemini", "Gemini Live (BidiGenerateContent)");
  auto gemini_arguments = std::make_shared<GeminiArguments>();
  add_options(*gemini, *gemini_arguments);
  gemini->add_option("--connection-max-sec", gemini_arguments->connection_max_sec, "How long a connection lives")
      ->check(CLI::Range(0.001, kDay))
      ->capture_default_str();
  gemini
      ->add_option("--go-away-before-sec", gemini_arguments->go_away_before_sec,
                   "How long before its end the goAway is sent; 0 sends none")
      ->check(CLI::Range(0.0, kDay))
      ->capture_default_str();
  gemini->add_flag("--text-frames", gemini_arguments->text_frames, "JSON in text frames instead of binary ones");

  auto telegram_arguments = std::make_shared<ChannelArguments>();
  auto slack_arguments = std::make_shared<ChannelArguments>();
  auto discord_arguments = std::make_shared<ChannelArguments>();
  CLI::App* telegram = add_channel(*command, "telegram", "Telegram's Bot API", *telegram_arguments);
  CLI::App* slack = add_channel(*command, "slack", "Slack's Web API, and an incoming webhook", *slack_arguments);
  CLI::App* discord = add_channel(*command, "discord", "Discord's HTTP API v10, and a webhook", *discord_arguments);

  return [=] {
    if (openai->parsed()) {
      return run_openai(*openai_arguments);
    }
    if (gemini->parsed()) {
      return run_gemini(*gemini_arguments);
    }
    if (telegram->parsed()) {
      return run_channel<peers::TelegramPeer, peers::TelegramPeerOptions>("telegram", *telegram_arguments);
    }
    if (slack->parsed()) {
      return run_channel<peers::SlackPeer, peers::SlackPeerOptions>("slack", *slack_arguments);
    }
    if (discord->parsed()) {
      return run_channel<peers::DiscordPeer, peers::DiscordPeerOptions>("discord", *discord_arguments);
    }
    return kUsage;
  };
}

}  // namespace soak::tools

// SPDX-License-Identifier: Apache-2.0
// soak fake: a fake provider on its own, for tests of clients in any language.

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "commands.h"
#include "fault_options.h"
#include "lib/text/format.h"
#include "soak/detail/descriptor_limit.h"
#include "soak/detail/printable.h"
#include "soak/detail/secrets.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/peers/channel_ledger.h"
#include "soak/peers/discord_peer.h"
#include "soak/peers/slack_peer.h"
#include "soak/peers/telegram_peer.h"
#include "tls_options.h"
#include "tools/providers/voice_providers.h"

namespace soak::tools {
namespace {

// Each session holds a descriptor.
constexpr std::uint64_t kDescriptors = 65536;

struct FakeArguments {
  int port = 0;
  std::uint64_t seed = 1;
  std::string key;  // An API key, or a token.
  TlsArguments tls;
};

struct ChannelArguments : FakeArguments {
  bool no_limits = false;
  std::string check_user_agent = "known";  // Discord's.
  std::string events_url;                  // Slack's, as is the secret.
  std::string signing_secret;
};

// With the options from the provider's row in the table.
template <typename Provider>
struct VoiceArguments : FakeArguments {
  std::array<double, std::tuple_size_v<decltype(Provider::fake_options)>> seconds{};
  std::array<std::int64_t, std::tuple_size_v<decltype(Provider::fake_options)>> counts{};
  std::array<bool, std::tuple_size_v<decltype(Provider::fake_options)>> flags{};
  std::vector<std::string> faults;  // As they stand on the command line.
};

// The URL of the fake's webhook; empty for a provider without webhooks.
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

// Prints what the client of a channel did wrong.
template <typename Ledger>
void print_findings(std::string_view name, const Ledger& ledger) {
  if constexpr (requires { ledger.findings; }) {
    for (const peers::ChannelFinding& finding : ledger.findings) {
      fmt::print("{}: {}: {}\n", name, peers::to_string(finding.kind), text::printable(finding.text));
    }
  }
}

// What all sessions of a fake share; it refuses a client that finds it used up.
template <typename Options>
void print_limit(std::string_view name, const Options& options) {
  if constexpr (requires { options.tokens_per_minute; }) {
    if (options.tokens_per_minute == 0) {
      fmt::print("{}: no limit on tokens\n", name);
    } else {
      fmt::print("{}: {} tokens a minute for all sessions together\n", name, options.tokens_per_minute);
    }
  }
}

template <typename Options, typename Ledger>
void print_what_was_over_the_limit(std::string_view name, const Options& options, const Ledger& ledger) {
  if constexpr (requires { options.tokens_per_minute; }) {
    if (ledger.responses_over_limit > 0) {
      fmt::print(
          "{}: {} of {} answers failed with rate_limit_exceeded: {} tokens a minute for all sessions together, "
          "set by --tokens-per-minute\n",
          name, ledger.responses_over_limit, ledger.responses_done, options.tokens_per_minute);
    }
  }
}

// Prints what clients asked for in vain, and how often.
template <typename Ledger>
void print_notices(std::string_view name, const Ledger& ledger) {
  if constexpr (requires { ledger.not_played; }) {
    for (const auto& [what, count] : ledger.not_played) {
      fmt::print("{}: accepted and not played, {}: {}\n", name, text::format_plural(count, "time"),
                 text::printable(what));
    }
    for (const auto& [what, count] : ledger.unknown) {
      fmt::print("{}: unknown to this fake and refused, {}: {}\n", name, text::format_plural(count, "time"),
                 text::printable(what));
    }
  }
}

// Runs a Peer until SIGINT or SIGTERM.
template <typename Peer, typename Options>
int run_fake(std::string_view name, const FakeArguments& arguments, Options options) {
  // One thread waits for the signals; all others inherit the mask.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  text::keep_secret(arguments.key);
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
    fmt::print(stderr, "soak fake: {}\n", text::printable(error.what()));
    return kUsage;
  }
  fmt::print("{}: listening on {}\n", name, peer->url());
  if (const std::string webhook = webhook_of(*peer); !webhook.empty()) {
    fmt::print("{}: webhook at {}\n", name, webhook);
  }
  if (ca != nullptr) {
    fmt::print("{}: trust the CA in {}\n", name, ca->ca_file());
  }
  if constexpr (requires { peer->http_url(); }) {
    fmt::print("{}: HTTP at {}\n", name, peer->http_url());
  }
  if constexpr (requires { peer->control_url(); }) {
    fmt::print("{}: post a user's message to {}\n", name, peer->control_url());
  }
  print_limit(name, options);  // The last, for scripts count on the order of the others.
  std::fflush(stdout);

  Event stop;
  std::thread signals([&ends, &loop, &stop] {
    int signal_number = 0;
    sigwait(&ends, &signal_number);
    loop.post([&stop] { stop.set(); });
  });
  loop.run(wait_then_close(stop, *peer));
  signals.join();
  fmt::print("{}: {}\n", name, text::printable(to_string(peer->ledger())));
  print_findings(name, peer->ledger());
  print_notices(name, peer->ledger());
  print_what_was_over_the_limit(name, options, peer->ledger());
  return kPassed;
}

template <typename Provider>
int run_voice(const Provider& provider, const VoiceArguments<Provider>& arguments) {
  typename Provider::FakeOptions options;
  for (std::size_t i = 0; i < provider.fake_options.size(); ++i) {
    if (const auto& option = provider.fake_options[i]; option.seconds != nullptr) {
      options.*option.seconds = text::from_seconds(arguments.seconds[i]);
    } else if (option.count != nullptr) {
      options.*option.count = arguments.counts[i];
    } else if (option.flag != nullptr) {
      options.*option.flag = arguments.flags[i];
    }
  }
  const std::vector<fault::Fault> faults = read_faults(arguments.faults);
  fault::Script script([&faults](std::uint64_t) { return faults; });
  if (!faults.empty()) {
    options.faults = &script;
  }
  const int status = run_fake<typename Provider::Fake>(provider.name, arguments, options);
  print_faults(provider.name, faults, script);
  return status;
}

template <typename Peer, typename Options>
int run_channel(const char* name, const ChannelArguments& arguments) {
  Options options;
  options.limits.on = !arguments.no_limits;
  if constexpr (requires { options.check_user_agent; }) {
    options.check_user_agent = arguments.check_user_agent == "strict" ? peers::UserAgentCheck::kStrict
                               : arguments.check_user_agent == "off"  ? peers::UserAgentCheck::kOff
                                                                      : peers::UserAgentCheck::kKnown;
  }
  if constexpr (requires { options.events_url; }) {
    text::keep_secret(arguments.signing_secret);
    options.events_url = arguments.events_url;
    options.signing_secret = arguments.signing_secret;
  }
  // The clients are strangers: two of their messages may have one text, and they edit what they sent long ago.
  options.ledger.client_ids = true;
  options.ledger.messages_kept = 4096;
  return run_fake<Peer>(name, arguments, options);
}

void add_options(CommandLine& command, FakeArguments& arguments, const char* key_option = "--api-key",
                 const char* key_meaning = "The only key that is accepted; by default any key") {
  command.add_option("--port", arguments.port, "The port on 127.0.0.1; 0, the default, picks a free one")
      .between(std::int64_t{0}, 65535);
  command.add_option("--seed", arguments.seed, "Seed for ids and masks").show_default();
  command.add_option(key_option, arguments.key, key_meaning);
  add_tls_options(command, arguments.tls);
}

template <typename Provider>
void add_voice(CommandLine& command, const Provider& provider) {
  constexpr double kDay = 86'400;
  CommandLine fake = command.add_subcommand(std::string(provider.name), std::string(provider.title));
  auto arguments = std::make_shared<VoiceArguments<Provider>>();
  add_options(fake, *arguments);
  const typename Provider::FakeOptions defaults;
  for (std::size_t i = 0; i < provider.fake_options.size(); ++i) {
    const auto& option = provider.fake_options[i];
    const std::string name = fmt::format("--{}", option.name);
    if (option.seconds != nullptr) {
      arguments->seconds[i] = std::chrono::duration<double>(defaults.*option.seconds).count();
      fake.add_option(name, arguments->seconds[i], std::string(option.help))
          .between(option.seconds_min, kDay)
          .show_default();
    } else if (option.count != nullptr) {
      arguments->counts[i] = defaults.*option.count;
      fake.add_option(name, arguments->counts[i], std::string(option.help))
          .between(std::int64_t{0}, std::numeric_limits<std::int64_t>::max())
          .show_default();
    } else if (option.flag != nullptr) {
      arguments->flags[i] = defaults.*option.flag;
      fake.add_flag(name, arguments->flags[i], std::string(option.help));
    }
  }
  add_fault_options(fake, arguments->faults);
  fake.runs([&provider, arguments] { return run_voice(provider, *arguments); });
}

template <typename Peer, typename Options>
void add_channel(CommandLine& command, const char* name, const char* what) {
  CommandLine channel = command.add_subcommand(name, what);
  auto arguments = std::make_shared<ChannelArguments>();
  add_options(channel, *arguments, "--token", "The only token that is accepted; by default any token");
  channel.add_flag("--no-limits", arguments->no_limits, "No rate limits, for measuring throughput");
  if constexpr (requires { Options().check_user_agent; }) {
    channel
        .add_option(
            "--check-user-agent", arguments->check_user_agent,
            "Which clients are turned away with 403: strict, all but DiscordBot (URL, VERSION); known, those "
            "that users report as blocked (Python-urllib, Java/1., browsers unless they use a webhook); off, none")
        .one_of({"strict", "known", "off"})
        .show_default();
  }
  if constexpr (requires { Options().events_url; }) {
    channel.add_option("--events-url", arguments->events_url,
                       "The app's request URL on this machine, to which the Events API sends the messages of users");
    channel.add_option("--signing-secret", arguments->signing_secret, "The secret that these are signed with");
  }
  channel.footer(
      "At the end it prints its ledger. stored_twice, sent_again and out_of_order compare messages by the id that the\n"
      "client gives each (Discord's nonce, Slack's client_msg_id), or else by their text, and order them by the first\n"
      "number in it. So texts must be unique within a conversation: \"soak 1\", \"soak 2\".");
  channel.runs([name, arguments] { return run_channel<Peer, Options>(name, *arguments); });
}

}  // namespace

void add_fake_command(CommandLine& app) {
  CommandLine command =
      app.add_subcommand("fake", "Run a fake provider until SIGINT or SIGTERM, then print its ledger.");
  command.require_subcommand();
  for_each_voice_provider([&](const auto& provider) { add_voice(command, provider); });
  add_channel<peers::TelegramPeer, peers::TelegramPeerOptions>(command, "telegram", "Telegram's Bot API");
  add_channel<peers::SlackPeer, peers::SlackPeerOptions>(command, "slack", "Slack's Web API, and an incoming webhook");
  add_channel<peers::DiscordPeer, peers::DiscordPeerOptions>(command, "discord",
                                                             "Discord's HTTP API v10, and a webhook");
}

}  // namespace soak::tools

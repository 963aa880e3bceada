// SPDX-License-Identifier: Apache-2.0
// soak channels: soaks a channel client against the provider, or against its bundled fake.

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "commands.h"
#include "lib/net/url.h"
#include "soak/async_run.h"
#include "soak/channels/message_stream.h"
#include "soak/channels/options.h"
#include "soak/detail/printable.h"
#include "soak/error.h"
#include "tools/providers/faked_channel.h"
#include "tools/providers/real_channel.h"

namespace soak::tools {
namespace {

using namespace std::chrono_literals;

struct ChannelsArguments {
  std::string channel;
  std::string url;
  std::string ca_file;
  bool virtual_clock = false;
  bool fake = false;
};

RunOptions run_options(const ChannelsArguments& arguments) {
  return {.title = fmt::format("CHANNELS SOAK / {}", arguments.channel),
          .duration = 24h,
          .reconnect_every = 15min,
          .counts_exact = true};
}

void drive_real(AsyncRun& run, const ChannelsArguments& arguments) {
  RealChannelOptions options;
  options.url = arguments.url;
  options.ca_file = arguments.ca_file;
  options.http_timeout = channels::http_timeout(run);
  const RealChannel real = real_channel(arguments.channel, run.loop(), options);
  channels::MessageStream messages(run, run.loop(), *real.channel, {.conversations = {real.conversation}});
  run.drive([&messages](Cycle& cycle) { return messages.send_until_end_of(cycle); });
  messages.judge();
}

int run_channels(const ChannelsArguments& arguments, const std::string& program) {
  const bool is_faked = arguments.virtual_clock || arguments.fake;
  if (!is_faked && variables_of(arguments.channel).empty()) {
    fmt::print(stderr, "soak: {} runs only against its fake: add --virtual or --fake\n", arguments.channel);
    return kUsage;
  }
  if (const std::vector<std::string> missing = missing_variables(arguments.channel); !is_faked && !missing.empty()) {
    fmt::print(stderr,
               "soak: {} needs the environment variables {}; not set here: {}. To use the bundled fake instead, add "
               "--virtual or --fake\n",
               arguments.channel, fmt::join(variables_of(arguments.channel), " and "), fmt::join(missing, ", "));
    return kUsage;
  }
  const std::string rerun = fmt::format("{} channels --channel {}{}{}{}{}", program, arguments.channel,
                                        rerun_option("--url", net::url_without_secrets(arguments.url)),
                                        rerun_option("--ca", arguments.ca_file),
                                        arguments.virtual_clock ? " --virtual" : "", arguments.fake ? " --fake" : "");
  if (const std::string error = prepare_run("channels-" + arguments.channel, arguments.virtual_clock, rerun);
      !error.empty()) {
    fmt::print(stderr, "soak: {}\n", text::printable(error));
    return kUsage;
  }
  AsyncRun run(run_options(arguments));
  if (is_faked) {
    const std::unique_ptr<FakedChannel> faked = FakedChannel::make(arguments.channel, run.loop(), faked_options(run));
    drive(run, *faked);
  } else {
    drive_real(run, arguments);
  }
  run.verdict();
  fmt::print("{}", run.summary());
  return exit_status(run.record());
}

}  // namespace

void add_channels_command(CommandLine& app, const std::string& program) {
  CommandLine command = app.add_subcommand(
      "channels", "Soak a channel client: send messages at intervals, through rate limits and failures, and judge it.");
  auto arguments = std::make_shared<ChannelsArguments>();
  command
      .add_option("--channel", arguments->channel,
                  "The provider; discord uses a webhook, discord-bot runs only against its fake")
      .required()
      .one_of({"telegram", "slack", "discord", "discord-bot"});
  const CommandOption url =
      command.add_option("--url", arguments->url,
                         "For telegram and slack: another http:// or https:// endpoint of the same "
                         "API; by default the provider's");
  const CommandOption ca =
      command
          .add_option("--ca", arguments->ca_file,
                      "For https: PEM file of the certificate authorities to trust instead of the system's")
          .existing_file();
  CommandOption faked = command.add_flag("--virtual", arguments->virtual_clock,
                                         "Run on a virtual clock, in seconds, against the bundled fake");
  CommandOption fake =
      command.add_flag("--fake", arguments->fake, "Run in real time against the bundled fake, over TLS");
  faked.excludes(url).excludes(ca).excludes(fake);
  fake.excludes(url).excludes(ca);
  // One stream of messages, to services that cost nothing.
  add_run_options(command, {.modules = {"run", "drive", "channels"},
                            .but_not = {"sessions", "service_time_max"},
                            .code = run_options(*arguments)});
  command.runs([arguments, program] { return run_channels(*arguments, program); });
}

}  // namespace soak::tools

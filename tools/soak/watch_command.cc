// SPDX-License-Identifier: Apache-2.0
// soak watch: any program under soak, in whatever language it is written.

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "commands.h"
#include "lib/net/url.h"
#include "soak/detail/printable.h"
#include "soak/detail/run_context.h"
#include "soak/error.h"
#include "tools/watch/watch.h"

namespace soak::tools {
namespace {

// The command that watches it again: what comes before the options, and after them.
std::pair<std::string, std::string> rerun_of(const WatchOptions& options, const std::string& program) {
  std::string before = program + " watch";
  before += options.pid == 0 ? "" : fmt::format(" --pid {}", options.pid);
  before += rerun_option("--cgroup", options.cgroup) + rerun_option("--name", options.name);
  before +=
      rerun_option("--load", options.load) + rerun_option("--ops-from", net::url_without_secrets(options.ops_from));
  for (const std::string& counter : options.ops) {
    before += rerun_option("--ops", counter);
  }
  for (const std::string& gauge : options.gauges) {
    before += rerun_option("--gauge", gauge);
  }
  std::string after = options.program.empty() ? "" : " --";
  for (const std::string& argument : options.program) {
    after += argument.empty() ? " ''" : rerun_option("", argument).substr(1);
  }
  return {before, after};
}

std::string file_name_of(std::string subject) {
  std::replace_if(
      subject.begin(), subject.end(),
      [](char c) { return std::string_view("/ ()*?[]\\").find(c) != std::string_view::npos; }, '-');
  subject.erase(subject.find_last_not_of('-') + 1);
  subject.erase(0, std::min(subject.find_first_not_of('-'), subject.size()));
  return "watch-" + subject;
}

int run_watch(const WatchOptions& options, const std::string& program) {
  const int subjects = (options.program.empty() ? 0 : 1) + (options.pid == 0 ? 0 : 1) +
                       (options.cgroup.empty() ? 0 : 1) + (options.name.empty() ? 0 : 1);
  if (subjects != 1) {
    fmt::print(stderr,
               "soak watch: {}: expected one of: -- PROGRAM ARGUMENTS, --pid N, --cgroup PATH, --name PATTERN\n",
               subjects == 0 ? "nothing to watch" : "more than one thing to watch");
    return kUsage;
  }
  try {
    Watch watch(options);
    const auto [before, after] = rerun_of(options, program);
    if (const std::string error = prepare_run(file_name_of(watch.subject()), false, before); !error.empty()) {
      fmt::print(stderr, "soak watch: {}\n", text::printable(error));
      return kUsage;
    }
    detail::run_context().rerun_end = after;
    Run& run = watch.run({.title = fmt::format("SOAK WATCH / {}", watch.subject())});
    fmt::print("{}", run.summary());
    return exit_status(run.record());
  } catch (const Error& error) {
    fmt::print(stderr, "soak watch: {}\n", text::printable(error.what()));
    return kUsage;
  }
}

}  // namespace

void add_watch_command(CommandLine& app, const std::string& program) {
  CommandLine command = app.add_subcommand(
      "watch",
      "Watch any program, in whatever language, and judge it like a soak:\n\n"
      "  soak watch --duration 10m -- ./server --port 80\n"
      "  soak watch --pid 4711 --duration 8h --leak-max 10MiB/day\n"
      "  soak watch --ops-from http://127.0.0.1:8080/metrics --ops http_requests_total -- ./server\n\n"
      "Samples memory, swap, descriptors, sockets, threads and processes, summed over the program and its children.\n"
      "What leaks is judged on memory without the pages of files: RssAnon + RssShmem + swap of each process, or\n"
      "memory.current and swap of a cgroup less its file cache. With --ops, growth is given per operation.\n\n"
      "Without --duration the watch lasts until the program ends, or the load does. Ctrl-C ends it and gives its\n"
      "verdict. A program that was started is stopped at the end: SIGTERM, and SIGKILL after 10 s.\n\n"
      "Exit status: 0 if the verdict is PASS, 1 if it is FAIL (it leaks, it crashed, it ended too early), 2 if it "
      "could\n"
      "not be watched, 3 if it is INCONCLUSIVE: you asked for --leak-max, and the data neither show it nor refute it.");
  auto options = std::make_shared<WatchOptions>();
  command.add_option("PROGRAM", options->program,
                     "Start this program, with the arguments behind it. Write -- before it");
  command.add_option("--pid", options->pid, "Watch the process with this id, and its children")
      .between(std::int64_t{1}, std::int64_t{std::numeric_limits<int>::max()})
      .value_name("N");
  command
      .add_option("--cgroup", options->cgroup,
                  "Watch a cgroup of version 2: a folder below /sys/fs/cgroup, such as system.slice/nginx.service")
      .value_name("PATH");
  command
      .add_option("--name", options->name,
                  "Watch all processes whose name or command line matches a shell pattern: 'nginx*', 'python3 bot.py*'")
      .value_name("PATTERN");
  command
      .add_option("--load", options->load,
                  "Run this shell command beside it. It starts once --ops-from answers; its failure is a finding")
      .value_name("COMMAND");
  command
      .add_option(
          "--ops-from", options->ops_from,
          "Read the program's own counters and gauges here, in Prometheus' text format: http://host:port/metrics")
      .value_name("URL");
  command
      .add_option("--ops", options->ops,
                  "A counter there, summed over its labels, such as http_requests_total. Leaks are given per operation "
                  "of the first one; may be repeated")
      .value_name("COUNTER");
  command
      .add_option(
          "--gauge", options->gauges,
          "A gauge there to record and judge. With =sockets (or =fds, =threads, =processes) it is compared with "
          "what the kernel holds: connections=sockets; may be repeated")
      .value_name("NAME[=COUNT]");
  add_run_options(command,
                  {.modules = {"run", "drive", "watch"},
                   .but_not = {"reconnect_every", "sessions", "heap_per_cycle_max", "open_floor", "reload",
                               "service_time_max", "seed", "shuffle", "heap_profile", "checkpoint", "part_duration"}});
  command.runs([options, program] { return run_watch(*options, program); });
}

}  // namespace soak::tools

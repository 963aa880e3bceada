// SPDX-License-Identifier: Apache-2.0
// mesh COMMAND ...: exit status 0 after a clean end, 1 if it failed, 2 for a wrong command line.

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/commands.h"
#include "mesh/flags.h"

namespace {

struct Command {
  std::string_view name;
  std::string_view usage;
  int (*run)(const std::vector<std::string>&);
};

constexpr Command kCommands[] = {
    {"directory",
     "--db FILE [--key FILE] [--host 127.0.0.1] [--port 0] [--no-relay]\n"
     "      [--registration-token-file FILE] [--admin-token-file FILE] [--db-pages-max N]",
     mesh::directory_command},
    {"relay", "--db FILE --directory URL [--host 127.0.0.1] [--port 0] [--db-pages-max N]", mesh::relay_command},
    {"archive", "--db FILE --directory URL [--host 127.0.0.1] [--port 0] [--db-pages-max N]", mesh::archive_command},
    {"worker",
     "--folder DIR --handle @NAME --directory URL --archive URL --workspace ID [--relay URL]\n"
     "      [--peers @A,@B] [--seed N] [--iterations N] [--interval-ms 250] [--chat BASE_URL] [--clock-offset "
     "SECONDS]\n"
     "      [--passive] [--tag TEXT]",
     mesh::worker_command},
    {"fake-llm", "[--port 0] [--delay-ms 20]", mesh::fake_llm_command},
    {"soak", "DIR [--edges 3] [--duration 180s] [--faults none|default|FILE] [--seed N] [--interval-ms 250]",
     mesh::soak_command},
    {"edge", "DIR [--duration 60s] [--seed N] [--interval-ms 250]", mesh::edge_command},
    {"smoke", "DIR", mesh::smoke_command},
    {"dogfood", "DIR [--requests 40] [--seed N]", mesh::dogfood_command},
    {"stress", "DIR [--duration 10s] [--senders 8]", mesh::stress_command},
};

std::string usage() {
  std::string text = "usage:\n";
  for (const Command& command : kCommands) {
    text += fmt::format("  mesh {} {}\n", command.name, command.usage);
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string name = arguments.empty() ? "" : arguments[0];
  if (name == "--help") {
    std::fputs(usage().c_str(), stdout);
    return 0;
  }
  for (const Command& command : kCommands) {
    if (command.name != name) {
      continue;
    }
    try {
      return command.run({arguments.begin() + 1, arguments.end()});
    } catch (const mesh::UsageError& error) {
      std::fputs(fmt::format("mesh {}: {}\nusage: mesh {} {}\n", name, error.what(), name, command.usage).c_str(),
                 stderr);
      return 2;
    } catch (const std::exception& error) {
      std::fputs(fmt::format("mesh {}: {}\n", name, error.what()).c_str(), stderr);
      return 1;
    }
  }
  std::fputs(
      fmt::format("mesh: {}\n{}", name.empty() ? "expected a command" : "unknown command " + name, usage()).c_str(),
      stderr);
  return 2;
}

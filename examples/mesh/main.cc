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

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_SOAK_COMMAND_LINE_H_
#define SOAK_TOOLS_SOAK_COMMAND_LINE_H_

// The command line: commands, their options, and the help text. CLI11 does the work. Only command_line.cc includes it,
// because it takes longer to compile than most files of this folder.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class Option;
}  // namespace CLI

namespace soak::tools {

// An option of a command, while it is set up. A copy is the same option. Each call returns the option itself.
class CommandOption {
 public:
  explicit CommandOption(CLI::Option& option) : option_(&option) {}

  CommandOption& required();
  // The help names this kind of value: "SIZE". Without it, the type of the variable: TEXT, INT.
  CommandOption& value_name(const std::string& name);
  // The help shows the value that the variable has now.
  CommandOption& show_default();
  // The option may stand without a value, and then means this one.
  CommandOption& value_if_bare(const std::string& value);

  CommandOption& one_of(std::vector<std::string> values);
  CommandOption& between(std::int64_t min, std::int64_t max);
  CommandOption& between(double min, double max);
  CommandOption& existing_file();
  CommandOption& needs(const CommandOption& other);
  CommandOption& excludes(const CommandOption& other);

 private:
  CLI::Option* option_;
};

// A command: the program itself, or a subcommand. A copy is the same command.
class CommandLine {
 public:
  // What to print instead of running the program.
  struct Answer {
    std::string text;
    bool is_error = false;  // Otherwise it is the help that was asked for.
  };

  // The program itself.
  CommandLine(const std::string& description, const std::string& name);

  CommandLine add_subcommand(const std::string& name, const std::string& description);
  // It is an error to choose no subcommand, or more than one.
  void require_subcommand();
  void footer(const std::string& text);  // The end of its help.
  // run() calls this if the command is the one that was chosen.
  void runs(std::function<int()> body);

  // `name` is "--port", "-o,--out", or without a dash that of an argument: "FILE". parse() sets `value`, which has to
  // live until then, to what it found; a list has the values of each time that the option is given.
  CommandOption add_option(const std::string& name, std::string& value, const std::string& help);
  CommandOption add_option(const std::string& name, std::vector<std::string>& value, const std::string& help);
  CommandOption add_option(const std::string& name, int& value, const std::string& help);
  CommandOption add_option(const std::string& name, std::int64_t& value, const std::string& help);
  CommandOption add_option(const std::string& name, std::uint64_t& value, const std::string& help);
  CommandOption add_option(const std::string& name, double& value, const std::string& help);
  CommandOption add_flag(const std::string& name, bool& value, const std::string& help);
  // parse() calls `set` with the value, and `set` returns what is wrong with it, or an empty string.
  CommandOption add_option(const std::string& name, std::function<std::string(const std::string&)> set,
                           const std::string& help);

  // Returns an answer if the program should print that and end. For the program itself, not for a subcommand.
  std::optional<Answer> parse(int argc, char** argv);
  // Runs the subcommand that parse() found, and returns what its body does.
  int run() const;

 private:
  struct State;
  explicit CommandLine(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

}  // namespace soak::tools

#endif  // SOAK_TOOLS_SOAK_COMMAND_LINE_H_

// SPDX-License-Identifier: Apache-2.0
#include "command_line.h"

#include <CLI/CLI.hpp>
#include <sstream>
#include <utility>

namespace soak::tools {

CommandOption& CommandOption::required() {
  option_->required();
  return *this;
}

CommandOption& CommandOption::value_name(const std::string& name) {
  option_->type_name(name);
  return *this;
}

CommandOption& CommandOption::show_default() {
  option_->capture_default_str();
  return *this;
}

CommandOption& CommandOption::value_if_bare(const std::string& value) {
  option_->expected(0, 1)->default_str(value);
  return *this;
}

CommandOption& CommandOption::one_of(std::vector<std::string> values) {
  option_->check(CLI::IsMember(std::move(values)));
  return *this;
}

CommandOption& CommandOption::between(std::int64_t min, std::int64_t max) {
  option_->check(CLI::Range(min, max));
  return *this;
}

CommandOption& CommandOption::between(double min, double max) {
  option_->check(CLI::Range(min, max));
  return *this;
}

CommandOption& CommandOption::existing_file() {
  option_->check(CLI::ExistingFile);
  return *this;
}

CommandOption& CommandOption::needs(const CommandOption& other) {
  option_->needs(other.option_);
  return *this;
}

CommandOption& CommandOption::excludes(const CommandOption& other) {
  option_->excludes(other.option_);
  return *this;
}

struct CommandLine::State {
  std::shared_ptr<CLI::App> app;
  std::function<int()> body = {};
  std::vector<CommandLine> subcommands = {};
};

CommandLine::CommandLine(const std::string& description, const std::string& name)
    : CommandLine(std::make_shared<State>(State{.app = std::make_shared<CLI::App>(description, name)})) {}

CommandLine::CommandLine(std::shared_ptr<State> state) : state_(std::move(state)) {}

CommandLine CommandLine::add_subcommand(const std::string& name, const std::string& description) {
  CLI::App* const app = state_->app->add_subcommand(name, description);
  return state_->subcommands.emplace_back(
      CommandLine(std::make_shared<State>(State{.app = state_->app->get_subcommand_ptr(app)})));
}

void CommandLine::require_subcommand() { state_->app->require_subcommand(1); }

void CommandLine::footer(const std::string& text) { state_->app->footer(text); }

void CommandLine::runs(std::function<int()> body) { state_->body = std::move(body); }

CommandOption CommandLine::add_option(const std::string& name, std::string& value, const std::string& help) {
  return CommandOption(*state_->app->add_option(name, value, help));
}

CommandOption CommandLine::add_option(const std::string& name, std::vector<std::string>& value,
                                      const std::string& help) {
  return CommandOption(*state_->app->add_option(name, value, help));
}

CommandOption CommandLine::add_option(const std::string& name, int& value, const std::string& help) {
  return CommandOption(*state_->app->add_option(name, value, help));
}

CommandOption CommandLine::add_option(const std::string& name, std::int64_t& value, const std::string& help) {
  return CommandOption(*state_->app->add_option(name, value, help));
}

CommandOption CommandLine::add_option(const std::string& name, std::uint64_t& value, const std::string& help) {
  return CommandOption(*state_->app->add_option(name, value, help));
}

CommandOption CommandLine::add_option(const std::string& name, double& value, const std::string& help) {
  return CommandOption(*state_->app->add_option(name, value, help));
}

CommandOption CommandLine::add_flag(const std::string& name, bool& value, const std::string& help) {
  return CommandOption(*state_->app->add_flag(name, value, help));
}

CommandOption CommandLine::add_option(const std::string& name, std::function<std::string(const std::string&)> set,
                                      const std::string& help) {
  const auto set_or_throw = [set = std::move(set)](const std::string& value) {
    if (const std::string error = set(value); !error.empty()) {
      throw CLI::ValidationError(error);
    }
  };
  return CommandOption(*state_->app->add_option_function<std::string>(name, set_or_throw, help));
}

std::optional<CommandLine::Answer> CommandLine::parse(int argc, char** argv) {
  try {
    state_->app->parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& stopped) {
    std::ostringstream text;
    const bool is_error = state_->app->exit(stopped, text, text) != 0;
    return Answer{.text = text.str(), .is_error = is_error};
  }
}

int CommandLine::run() const {
  for (const CommandLine& subcommand : state_->subcommands) {
    if (subcommand.state_->app->parsed()) {
      return subcommand.run();
    }
  }
  return state_->body();
}

}  // namespace soak::tools

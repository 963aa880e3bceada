// SPDX-License-Identifier: Apache-2.0
#include "conftest/subprocess.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace soak::conftest {
namespace {

bool is_ours(std::string_view variable) {
  return variable.substr(0, 5) == "SOAK_" || variable.substr(0, 6) == "GTEST_";
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& string : strings) {
    result.push_back(string.data());
  }
  result.push_back(nullptr);
  return result;
}

}  // namespace

Program::Program(std::vector<std::string> arguments, std::vector<std::string> environment) {
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!is_ours(*variable)) {
      environment.emplace_back(*variable);
    }
  }
  std::array<int, 2> pipe_fds{};
  if (::pipe2(pipe_fds.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe2 failed");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDERR_FILENO);
  const int error = ::posix_spawn(&pid_, arguments.front().c_str(), &actions, nullptr, pointers(arguments).data(),
                                  pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_fds[1]);
  output_fd_ = pipe_fds[0];
  if (error != 0) {
    ::close(output_fd_);
    throw std::runtime_error("cannot start " + arguments.front());
  }
}

Program::~Program() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (output_fd_ >= 0) {
    ::close(output_fd_);
  }
}

bool Program::read_some(std::chrono::steady_clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  pollfd waiting{output_fd_, POLLIN, 0};
  if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) <= 0) {
    return false;
  }
  std::array<char, 4096> buffer;
  const ssize_t size = ::read(output_fd_, buffer.data(), buffer.size());
  if (size <= 0) {
    return false;
  }
  output_.append(buffer.data(), static_cast<std::size_t>(size));
  return true;
}

bool Program::read_until(const std::string& text, std::chrono::seconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (output_.find(text) == std::string::npos) {
    if (!read_some(deadline)) {
      return false;
    }
  }
  return true;
}

void Program::signal(int signal_number) { ::kill(pid_, signal_number); }

ProgramResult Program::wait(std::chrono::seconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (read_some(deadline)) {
  }
  if (std::chrono::steady_clock::now() >= deadline) {
    ::kill(pid_, SIGKILL);
  }
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), output_};
}

ProgramResult run_program(std::vector<std::string> arguments, std::vector<std::string> environment) {
  return Program(std::move(arguments), std::move(environment)).wait();
}

std::string line_after(const std::string& output, const std::string& before) {
  const std::size_t at = output.find(before);
  if (at == std::string::npos) {
    return {};
  }
  const std::size_t from = at + before.size();
  return output.substr(from, output.find('\n', from) - from);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace soak::conftest

// SPDX-License-Identifier: Apache-2.0
#include "mesh/harness/child_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <system_error>
#include <vector>

#include "soak/error.h"

namespace mesh {

namespace {

using namespace std::chrono_literals;

[[noreturn]] void fail(const std::string& what, int error) {
  throw soak::Error(soak::Errc::kSystem, fmt::format("{}: {}", what, std::system_category().message(error)));
}

// In the child, between fork and exec: only what is safe there.
[[noreturn]] void run_program(char* const* arguments, int log, int failure, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) {
    _exit(127);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGINT, SIG_IGN);  // A Ctrl-C ends the harness, which ends its processes in order.
  std::signal(SIGXFSZ, SIG_IGN);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execv(arguments[0], arguments);
  const int error = errno;
  (void)!write(failure, &error, sizeof error);
  _exit(127);
}

int status_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, const std::string& log) {
  std::vector<char*> words;
  for (const std::string& argument : arguments) {
    words.push_back(const_cast<char*>(argument.c_str()));
  }
  words.push_back(nullptr);
  const int log_file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_file < 0) {
    fail(log, errno);
  }
  std::array<int, 2> failure{};
  if (pipe2(failure.data(), O_CLOEXEC) != 0) {
    const int error = errno;
    close(log_file);
    fail("pipe", error);
  }
  const pid_t parent = getpid();
  id_ = fork();
  if (id_ == 0) {
    run_program(words.data(), log_file, failure[1], parent);
  }
  const int error_of_fork = errno;
  close(log_file);
  close(failure[1]);
  int error = 0;
  const ssize_t got = id_ < 0 ? 0 : read(failure[0], &error, sizeof error);
  close(failure[0]);
  if (id_ < 0) {
    fail(arguments[0], error_of_fork);
  }
  if (got == sizeof error) {
    waitpid(id_, nullptr, 0);
    fail(arguments[0], error);
  }
}

ChildProcess::~ChildProcess() {
  if (running()) {
    kill(id_, SIGKILL);
    waitpid(id_, nullptr, 0);
  }
}

bool ChildProcess::running() {
  int status = 0;
  if (!status_ && waitpid(id_, &status, WNOHANG) == id_) {
    status_ = status_of(status);
  }
  return !status_;
}

void ChildProcess::signal(int number) {
  if (running()) {
    kill(id_, number);
  }
}

void ChildProcess::limit_files(bool limited) {
  if (running()) {
    rlimit limit{};
    prlimit(id_, RLIMIT_FSIZE, nullptr, &limit);
    limit.rlim_cur = limited ? 1 : limit.rlim_max;
    prlimit(id_, RLIMIT_FSIZE, &limit, nullptr);
  }
}

soak::Task<std::optional<int>> ChildProcess::ended(std::chrono::nanoseconds timeout) {
  soak::EventLoop& loop = co_await soak::this_loop();
  const soak::Instant deadline = loop.now() + timeout;
  while (running()) {
    if (loop.now() >= deadline) {
      co_return std::nullopt;
    }
    co_await soak::sleep_for(5ms);
  }
  co_return status_;
}

std::uint16_t free_port() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (probe < 0 || bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    const int error = errno;
    if (probe >= 0) {
      close(probe);
    }
    fail("no free port", error);
  }
  close(probe);
  return ntohs(address.sin_port);
}

}  // namespace mesh

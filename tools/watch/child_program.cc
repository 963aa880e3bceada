// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/child_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "soak/error.h"

namespace soak::tools {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLines = 10;
constexpr std::size_t kLineMax = 400;  // Bytes.
constexpr int kSignals = 64;

struct Pipe {
  int read = -1;
  int write = -1;

  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      throw Error(Errc::kSystem, fmt::format("cannot start a program: {}", ::strerror(errno)));
    }
    read = ends[0];
    write = ends[1];
  }
};

// In the child, between fork() and exec(): only what is safe after a signal.
[[noreturn]] void become(char* const* arguments, int output, int go, int error) {
  ::setpgid(0, 0);
  for (int number = 1; number < kSignals; ++number) {
    ::signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // Nobody would end it if this process were killed.
  if (::isatty(STDIN_FILENO) == 1) {
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, STDIN_FILENO);
  }
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  char begin = 0;
  if (go >= 0 && ::read(go, &begin, 1) != 1) {
    ::_exit(0);
  }
  ::execvp(arguments[0], arguments);
  const int why = errno;
  [[maybe_unused]] const ssize_t written = ::write(error, &why, sizeof(why));
  ::_exit(127);
}

}  // namespace

std::string to_string(Ending ending) {
  if (WIFSIGNALED(ending.status)) {
    const int number = WTERMSIG(ending.status);
    const char* const name = ::sigabbrev_np(number);
    return name == nullptr ? fmt::format("was ended by signal {}", number) : fmt::format("was ended by SIG{}", name);
  }
  return fmt::format("ended with exit status {}", WEXITSTATUS(ending.status));
}

void adopt_orphans() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

std::optional<Ending> bury_orphans(const std::vector<pid_t>& programs) {
  std::optional<Ending> last;
  siginfo_t info{};
  // Looks at one after the other, and takes only what is an orphan.
  while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0 &&
         std::find(programs.begin(), programs.end(), info.si_pid) == programs.end()) {
    Ending ending;
    if (::waitpid(info.si_pid, &ending.status, WNOHANG) == info.si_pid) {
      last = ending;
    }
    info = {};
  }
  return last;
}

ChildProgram::ChildProgram(std::vector<std::string> arguments, Output output, Start start) {
  std::vector<char*> pointers;
  for (std::string& argument : arguments) {
    pointers.push_back(argument.data());
  }
  pointers.push_back(nullptr);
  const Pipe said;
  const Pipe error;
  const Pipe go;
  const int shown_on = output == Output::kShown ? STDERR_FILENO : -1;
  const bool waits = start == Start::kLater;
  pid_ = ::fork();
  if (pid_ == 0) {
    ::close(go.write);
    become(pointers.data(), said.write, waits ? go.read : -1, error.write);
  }
  const int fork_error = errno;
  ::close(said.write);
  ::close(error.write);
  ::close(go.read);
  output_fd_ = said.read;
  go_fd_ = go.write;
  int why = 0;
  if (pid_ < 0) {
    why = fork_error;
  } else if (!waits && ::read(error.read, &why, sizeof(why)) == sizeof(why)) {  // It ends when the program begins.
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(error.read);
  if (why != 0) {
    ::close(output_fd_);
    ::close(go_fd_);
    throw Error(Errc::kSystem, fmt::format("cannot start '{}': {}", arguments.front(), ::strerror(why)));
  }
  stop_fd_ = ::eventfd(0, EFD_CLOEXEC);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  reader_ = std::thread([this, shown_on] { read_output(shown_on); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ChildProgram::~ChildProgram() {
  stop(0s);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_fd_, &one, sizeof(one));
  reader_.join();
  ::close(stop_fd_);
  ::close(output_fd_);
  if (go_fd_ >= 0) {
    ::close(go_fd_);
  }
}

void ChildProgram::go() {
  if (go_fd_ >= 0) {
    [[maybe_unused]] const ssize_t written = ::write(go_fd_, "g", 1);
    ::close(go_fd_);
    go_fd_ = -1;
  }
}

std::optional<Ending> ChildProgram::ending() const {
  Ending ending;
  if (!ending_ && ::waitpid(pid_, &ending.status, WNOHANG) == pid_) {
    ending_ = ending;
  }
  return ending_;
}

void ChildProgram::stop(std::chrono::nanoseconds grace, const std::vector<pid_t>& others) {
  const auto send = [&](int number) {
    ::kill(-pid_, number);
    for (const pid_t other : others) {
      ::kill(other, number);
    }
  };
  // The group may outlive the process that began it.
  const auto runs = [&] { return !ending() || ::kill(-pid_, 0) == 0; };
  if (!runs() && others.empty()) {
    return;
  }
  if (grace > 0s) {
    send(SIGTERM);
    const auto deadline = std::chrono::steady_clock::now() + grace;
    while (runs() && std::chrono::steady_clock::now() < deadline) {
      bury_orphans({pid_});
      std::this_thread::sleep_for(10ms);
    }
  }
  send(SIGKILL);
  while (!ending()) {
    std::this_thread::sleep_for(1ms);
  }
  bury_orphans({pid_});
}

std::vector<std::string> ChildProgram::last_lines() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> lines(lines_.begin(), lines_.end());
  if (!lines.empty() && lines.back().empty()) {
    lines.pop_back();
  }
  return lines;
}

void ChildProgram::read_output(int shown_on) {
  std::array<char, 65536> block;
  std::array<pollfd, 2> ready{{{output_fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}}};
  while (true) {
    if (::poll(ready.data(), ready.size(), -1) < 0) {
      continue;  // A signal.
    }
    if (ready[0].revents == 0) {
      return;  // Nothing is left to read, and the thread is to end.
    }
    const ssize_t size = ::read(output_fd_, block.data(), block.size());
    if (size <= 0) {
      return;
    }
    take(block.data(), static_cast<std::size_t>(size));
    for (ssize_t at = 0; shown_on >= 0 && at < size;) {
      const ssize_t written = ::write(shown_on, block.data() + at, static_cast<std::size_t>(size - at));
      if (written < 0 && errno != EINTR) {
        shown_on = -1;  // Nobody reads it.
      }
      at += std::max<ssize_t>(written, 0);
    }
  }
}

void ChildProgram::take(const char* text, std::size_t size) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < size; ++i) {
    if (lines_.empty()) {
      lines_.emplace_back();
    }
    if (text[i] == '\n') {
      lines_.emplace_back();
      if (lines_.size() > kLines + 1) {
        lines_.pop_front();
      }
    } else if (lines_.back().size() < kLineMax) {
      lines_.back() += text[i];
    }
  }
}

}  // namespace soak::tools

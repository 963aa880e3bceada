// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_WATCH_CHILD_PROGRAM_H_
#define SOAK_TOOLS_WATCH_CHILD_PROGRAM_H_

// A program that this one starts, whose output is read and whose end is seen.

#include <sys/types.h>

#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace soak::tools {

// How a process ended, as waitpid() gives it.
struct Ending {
  int status = 0;

  bool is_clean() const { return status == 0; }
};
std::string to_string(Ending ending);  // "ended with exit status 3", "was ended by SIGSEGV"

// Adopts the processes whose parent ends while they run, as a program does that moves itself into the background. They
// become children of this process.
void adopt_orphans();
// Waits for children that have ended, other than `programs`. Returns how the last one of them ended, if there was one.
std::optional<Ending> bury_orphans(const std::vector<pid_t>& programs);

class ChildProgram {
 public:
  enum class Output { kShown, kKept };  // Passed on to the standard error, or only its last lines kept.
  enum class Start { kNow, kLater };    // kLater: the process is there at once, and the program begins with go().

  // It has a process group of its own, so that a terminal's Ctrl-C does not end it, and default signal handlers; a
  // terminal is not its standard input. Its standard output and error are read on a thread. Throws
  // Error(Errc::kSystem), naming it, if it cannot be started.
  ChildProgram(std::vector<std::string> arguments, Output output, Start start = Start::kNow);
  ~ChildProgram();  // Stops it.
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

  pid_t pid() const { return pid_; }
  void go();

  // How it ended; empty while it runs. Does not wait.
  std::optional<Ending> ending() const;

  // SIGTERM to its process group and to `others`, and SIGKILL after `grace`. Waits for its end.
  void stop(std::chrono::nanoseconds grace, const std::vector<pid_t>& others = {});

  // At most ten; as it has written them so far.
  std::vector<std::string> last_lines() const;

 private:
  void read_output(int shown_on);
  void take(const char* text, std::size_t size);

  pid_t pid_ = -1;
  int output_fd_ = -1;
  int go_fd_ = -1;
  int stop_fd_ = -1;  // Of an eventfd that ends the thread.
  mutable std::optional<Ending> ending_;
  mutable std::mutex mutex_;
  std::deque<std::string> lines_;  // The last one is not complete.
  std::thread reader_;
};

}  // namespace soak::tools

#endif  // SOAK_TOOLS_WATCH_CHILD_PROGRAM_H_

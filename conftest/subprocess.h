// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CONFTEST_SUBPROCESS_H_
#define SOAK_CONFTEST_SUBPROCESS_H_

// Runs a program and reads its output, to test from outside what it promises on its command line.

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace soak::conftest {

struct ProgramResult {
  int exit_status = -1;  // Or minus the signal that ended it.
  std::string output;    // stdout and stderr, as they came.
};

class Program {
 public:
  // `arguments` begins with the program's path. The environment is this process's without its soak and GoogleTest
  // variables; each of `environment` is NAME=value, added to it.
  explicit Program(std::vector<std::string> arguments, std::vector<std::string> environment = {});
  ~Program();  // Kills it if it still runs.
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  const std::string& output() const { return output_; }

  // Reads until the output holds `text`; false when the program ended or the time ran out first.
  bool read_until(const std::string& text, std::chrono::seconds timeout = std::chrono::seconds{60});

  void signal(int signal_number);

  // Waits for its end; kills it when the time runs out, which shows as exit_status -9.
  ProgramResult wait(std::chrono::seconds timeout = std::chrono::seconds{60});

 private:
  bool read_some(std::chrono::steady_clock::time_point deadline);

  pid_t pid_ = -1;
  int output_fd_ = -1;
  std::string output_;
};

// Runs it to its end.
ProgramResult run_program(std::vector<std::string> arguments, std::vector<std::string> environment = {});

// The text after `before` in `output`, to the end of the line; empty if `before` is not there.
std::string line_after(const std::string& output, const std::string& before);

// The whole of a file; fails the test when it cannot be read.
std::string read_file(const std::string& path);

}  // namespace soak::conftest

#endif  // SOAK_CONFTEST_SUBPROCESS_H_

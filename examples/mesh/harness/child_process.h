// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_HARNESS_CHILD_PROCESS_H_
#define MESH_HARNESS_CHILD_PROCESS_H_

// A process of a run: started, signalled, waited for. It ends with the process that started it.

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "soak/task.h"

namespace mesh {

class ChildProcess {
 public:
  // Starts `arguments[0]` with the rest; what it prints is appended to `log`. Throws soak::Error(kSystem), which names
  // the program and the system's reason. A file that it writes may fail to grow without a signal (SIGXFSZ is ignored).
  ChildProcess(const std::vector<std::string>& arguments, const std::string& log);
  // SIGKILL, if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t id() const { return id_; }
  bool running();
  // Does nothing if it has ended.
  void signal(int number);
  // Empties or lifts its limit on the size of files: with a limit of one byte, no file can grow.
  void limit_files(bool limited);
  // Waits until it has ended: its exit status, -signal if it was killed; nullopt if it still runs at the timeout.
  soak::Task<std::optional<int>> ended(std::chrono::nanoseconds timeout);

 private:
  pid_t id_ = -1;
  std::optional<int> status_;
};

// A port of 127.0.0.1 that was free a moment ago. Throws soak::Error(kSystem).
std::uint16_t free_port();

}  // namespace mesh

#endif  // MESH_HARNESS_CHILD_PROCESS_H_

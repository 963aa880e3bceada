// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_WATCH_WATCH_H_
#define SOAK_TOOLS_WATCH_WATCH_H_

// Any program under soak: started here, or processes that run already.
//
// It is a Run that measures a ProcessGroup in place of this process. Its cycles are the operations of the program,
// where its /metrics count them, and otherwise seconds. The processes, and what they were asked, are looked at four
// times a second; what they hold is sampled and judged as in every Run.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "soak/options.h"
#include "soak/run.h"

namespace soak::tools {

struct WatchOptions {
  // One of these four says what is watched.
  std::vector<std::string> program = {};  // And its arguments.
  int pid = 0;
  std::string cgroup = {};
  std::string name = {};

  std::string load = {};                 // A command of the shell, run beside it.
  std::string ops_from = {};             // The URL of the program's /metrics.
  std::vector<std::string> ops = {};     // Selectors of counters there. What leaks is given per the first one.
  std::vector<std::string> gauges = {};  // "connections", or "connections=sockets".
};

class Watch {
 public:
  // Throws Error(Errc::kInvalidArgument) for options that cannot be.
  explicit Watch(WatchOptions options);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // "server", "pid 4711 (server)": for a title.
  std::string subject() const;

  // Starts what is to be started, watches, judges, and stops what was started. Throws Error if a program cannot be
  // started, or there is no such process. Call it once; `code` holds what the caller sets in code.
  Run& run(RunOptions code);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::tools

#endif  // SOAK_TOOLS_WATCH_WATCH_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_EXAMPLES_PUSHER_WITHOUT_LOG_H_
#define TESTS_EXAMPLES_PUSHER_WITHOUT_LOG_H_

#include <string>
#include <vector>

namespace pusher::tests {

// The command line that runs `command` without its log. A service that logs into a pipe which nobody reads stands still
// once the pipe is full.
inline std::vector<std::string> without_log(std::vector<std::string> command) {
  command.insert(command.begin(), {"/bin/sh", "-c", R"(exec "$0" "$@" 2>/dev/null)"});
  return command;
}

}  // namespace pusher::tests

#endif  // TESTS_EXAMPLES_PUSHER_WITHOUT_LOG_H_

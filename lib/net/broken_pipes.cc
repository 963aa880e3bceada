// SPDX-License-Identifier: Apache-2.0
#include "lib/net/broken_pipes.h"

#include <csignal>

namespace soak::net {

void ignore_broken_pipes() {
  struct sigaction current {};
  if (sigaction(SIGPIPE, nullptr, &current) == 0 && current.sa_handler == SIG_DFL) {
    std::signal(SIGPIPE, SIG_IGN);
  }
}

}  // namespace soak::net

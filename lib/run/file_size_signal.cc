// SPDX-License-Identifier: Apache-2.0
#include "lib/run/file_size_signal.h"

namespace soak {

FileSizeSignal::FileSizeSignal() {
  if (::sigaction(SIGXFSZ, nullptr, &before_) != 0 || before_.sa_handler != SIG_DFL) {
    return;
  }
  struct sigaction action {};
  action.sa_handler = SIG_IGN;
  sigemptyset(&action.sa_mask);
  ignores_ = ::sigaction(SIGXFSZ, &action, nullptr) == 0;
}

FileSizeSignal::~FileSizeSignal() {
  if (ignores_) {
    ::sigaction(SIGXFSZ, &before_, nullptr);
  }
}

}  // namespace soak

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_FILE_SIZE_SIGNAL_H_
#define SOAK_LIB_RUN_FILE_SIZE_SIGNAL_H_

#include <signal.h>

namespace soak {

// While one lives, a write beyond RLIMIT_FSIZE fails with EFBIG, as one on a full disk fails with ENOSPC: unless
// somebody else handles it, SIGXFSZ would end the process.
class FileSizeSignal {
 public:
  FileSizeSignal();
  ~FileSizeSignal();
  FileSizeSignal(const FileSizeSignal&) = delete;
  FileSizeSignal& operator=(const FileSizeSignal&) = delete;

 private:
  struct sigaction before_ {};
  bool ignores_ = false;
};

}  // namespace soak

#endif  // SOAK_LIB_RUN_FILE_SIZE_SIGNAL_H_

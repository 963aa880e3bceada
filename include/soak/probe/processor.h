// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PROBE_PROCESSOR_H_
#define SOAK_PROBE_PROCESSOR_H_

// How much of a processor a process uses: a gauge for a run that is to show what a session costs.
//
//   soak::probe::ProcessorUse use;
//   run.add_gauge("cpu_millicores", [&use] { return use.millicores(); });

#include <cstdint>
#include <ctime>

#include "soak/series/measurements.h"

namespace soak::probe {

class ProcessorUse {
 public:
  ProcessorUse();  // Of this process, all its threads together.
  // Of another one. Throws Error(Errc::kSystem) if it does not exist or may not be read.
  explicit ProcessorUse(ProcessId id);

  // Thousandths of a processor, since the last call: 1000 is one processor all the time. Calls less than a tenth of a
  // second apart return the same. 0 once the process has ended. Call it on one thread.
  std::int64_t millicores() noexcept;

 private:
  clockid_t clock_;
  std::int64_t used_ns_ = 0;
  std::int64_t at_ns_ = 0;
  std::int64_t latest_ = 0;
};

}  // namespace soak::probe

#endif  // SOAK_PROBE_PROCESSOR_H_

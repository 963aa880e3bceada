// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_CREEP_H_
#define SOAK_LIB_RUN_CREEP_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "soak/growth/verdict.h"
#include "soak/series/series.h"

namespace soak {

// What gets slower over a run, though it holds no more: the processor time of a cycle, and how late the events of a
// stream are. Both are series with the verdict of any other, except that a machine has moods: what is less than a tenth
// of the first value over the whole run is none.
//
// A driver whose core is full is late because of that, and its events pile up: that says nothing about the code under
// soak, and voids both.
class Creep {
 public:
  // How late the events of a stream were since the last quiescent point: their median.
  struct Late {
    std::string stream;
    std::chrono::nanoseconds median{};
  };

  // A quiescent point: after `cycle` finished cycles this process had used so much processor time. On the run's thread.
  void rest(std::chrono::nanoseconds at, std::uint64_t cycle, std::chrono::nanoseconds cpu,
            const std::vector<Late>& late);

  // The processor time of the driver's thread, again and again. On any one thread.
  void see_driver(std::chrono::nanoseconds at, std::chrono::nanoseconds cpu);

  void judge(const std::string& cycle_noun, std::chrono::nanoseconds lasted, probe::Verdict& verdict) const;

 private:
  struct Kept {
    std::string stream;  // Empty for processor time.
    probe::Series points;
  };
  struct Seen {
    std::chrono::nanoseconds at{};
    std::uint64_t cycle = 0;
    std::chrono::nanoseconds cpu{};
  };
  probe::Series& series(const std::string& stream);

  std::optional<Seen> last_rest_;
  std::optional<Seen> last_of_driver_;
  std::vector<Kept> kept_;
  std::atomic<std::int64_t> full_ns_{0};  // How long the driver's core was full.
};

}  // namespace soak

#endif  // SOAK_LIB_RUN_CREEP_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_JOURNAL_H_
#define SOAK_REPORT_JOURNAL_H_

// Writes a run's measurements to a file as it goes, so that they survive if the process is killed.
//
// The format is NDJSON, "soak.journal" version 1 (docs/report.md): a header, then one line per sample, quiescent point,
// restart, mark and failed cycle, now and then one of the totals, and one for the end. Each line is one write(2), so
// however the process ends, the journal ends with a complete line. Only a full disk or a machine that stops can
// truncate the last one. Samples and quiescent points use memory allocated by the constructor. Any thread may write.

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "soak/growth/verdict.h"
#include "soak/probe/probe.h"
#include "soak/report/record.h"

namespace soak::report {

class Journal {
 public:
  // Begins the journal at `path`, replacing an existing one. The last two are as in probe::JudgeWords. `record`
  // describes the run, with its tracks but no points yet. If writing fails, error() returns why, and the run continues.
  Journal(std::string path, const Record& record, const probe::Budgets& budgets, const std::string& rss_not_judged,
          bool per_cycle = false);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Writes the values taken at exactly this time, and the current counts; before them, the restarts that there were.
  void sample(std::chrono::nanoseconds at, std::uint64_t cycle, const probe::Measurements& measured,
              std::span<const probe::OperationCount> counts);
  void rest(std::chrono::nanoseconds at, std::uint64_t cycle, const probe::Measurements& measured,
            std::span<const probe::OperationCount> counts);

  // Writes what is added up so far and is in no series: figures, traffic, open time, answers and the like. Of `so_far`,
  // only these are used.
  void totals(std::chrono::nanoseconds at, const Record& so_far);

  void mark(std::chrono::nanoseconds at, std::string_view kind, std::string_view text);
  void failure(std::chrono::nanoseconds at, std::string_view text);
  void describe(std::string_view title, std::string_view cycle_noun);  // They changed.
  void end(std::chrono::nanoseconds at, std::uint64_t cycle);

  // Removes the file if it is still the one that this object wrote. Call it once the reports are written.
  void remove();

  const std::string& path() const { return path_; }
  // The first error, naming the path; empty while writing works. Nothing is written after an error.
  std::string error() const;

 private:
  class Line;
  void restarts(const probe::Measurements& measured);
  void write(Line& line);

  const std::string path_;
  mutable std::mutex mutex_;
  int fd_ = -1;
  ino_t inode_ = 0;
  std::string error_;
  std::string room_;          // For one line.
  std::size_t restarts_ = 0;  // How many of them are written.
};

}  // namespace soak::report

#endif  // SOAK_REPORT_JOURNAL_H_

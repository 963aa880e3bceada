// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_JOURNAL_H_
#define SOAK_REPORT_JOURNAL_H_

// A run written down while it goes on, so that a process that is killed leaves its measurements behind.
//
// NDJSON, "soak.journal" version 1 (docs/report.md): a header, then a line for each sample, quiescent point, mark and
// failed cycle, and one for the end. Each line is one write(2), so that whatever ends the process ends the journal
// after a whole line; only a full disk or a machine that stops may tear the last one. Samples and quiescent points are
// written from memory taken by the constructor. Any thread may write.

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "soak/growth/verdict.h"
#include "soak/probe/probe.h"
#include "soak/report/record.h"

namespace soak::report {

class Journal {
 public:
  // Begins the journal of the run that `record` describes, with its tracks but without any points yet, at `path`, in
  // place of one that is there. What cannot be written is said by error(), and the run goes on.
  Journal(std::string path, const Record& record, const probe::Budgets& budgets, const std::string& rss_not_judged);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // What was taken at exactly this time, and the counts as they stand.
  void sample(std::chrono::nanoseconds at, std::uint64_t cycle, const probe::Measurements& measured,
              std::span<const probe::OperationCount> counts);
  void rest(std::chrono::nanoseconds at, std::uint64_t cycle, const probe::Measurements& measured,
            std::span<const probe::OperationCount> counts);

  void mark(std::chrono::nanoseconds at, std::string_view kind, std::string_view text);
  void failure(std::chrono::nanoseconds at, std::string_view text);
  void describe(std::string_view title, std::string_view cycle_noun);  // They changed.
  void end(std::chrono::nanoseconds at, std::uint64_t cycle);

  // Removes the file, if it is still the one that this wrote: the reports hold all of it.
  void remove();

  const std::string& path() const { return path_; }
  // What went wrong first, naming the path; empty while nothing did. Nothing is written after it.
  std::string error() const;

 private:
  class Line;
  void write(Line& line);

  const std::string path_;
  mutable std::mutex mutex_;
  int fd_ = -1;
  ino_t inode_ = 0;
  std::string error_;
  std::vector<char> room_;  // For one line.
};

}  // namespace soak::report

#endif  // SOAK_REPORT_JOURNAL_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_PROGRESS_H_
#define SOAK_REPORT_PROGRESS_H_

// Shows that a run is alive. On a terminal, it rewrites one line in place, cut to the terminal's width. Elsewhere it
// prints a line per minute (three lines in a run of less than three minutes, none in one of less than ten seconds), so
// that a CI system does not mistake silence for a hang.

#include <chrono>
#include <cstdio>
#include <string_view>

namespace soak::report {

class Progress {
 public:
  // `out` must outlive this object. `asked` is how long the run is meant to last; 0 if nobody knows.
  Progress(std::FILE* out, bool terminal, std::chrono::nanoseconds asked);

  // True if the line should be shown again.
  bool due(std::chrono::nanoseconds elapsed) const;

  // Shows `text` after the time: "[SOAK / Voice.OpenAi] 00:00:10 of 00:00:30, 00:00:20 left: reconnects=1 frames=250".
  void show(std::string_view title, std::chrono::nanoseconds elapsed, std::string_view text);

  // Removes the line from the terminal. Call it before you print something else.
  void clear();

 private:
  std::FILE* out_;
  bool terminal_;
  bool shown_ = false;
  std::chrono::nanoseconds asked_;
  std::chrono::nanoseconds every_;
  std::chrono::nanoseconds next_;
};

}  // namespace soak::report

#endif  // SOAK_REPORT_PROGRESS_H_

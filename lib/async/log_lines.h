// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_ASYNC_LOG_LINES_H_
#define SOAK_LIB_ASYNC_LOG_LINES_H_

// What the primitives write to the log; a text is only made when somebody reads it. Its rows are the primitives' own:
// what comes from elsewhere, such as an exception's text, goes into it as shown() has it.

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>

#include "soak/detail/loop_core.h"
#include "soak/detail/printable.h"
#include "soak/log.h"

namespace soak::detail {

// "1 task", "2 tasks".
std::string count_of_tasks(std::size_t count);

// The text of an exception, in one row.
std::string shown(const std::exception_ptr& failure);

// Whether a record of this level is to be written now: where the default sink has too many, it counts one more as left
// out.
bool log_begins(LogLevel level) noexcept;

// Writes what has begun. log() escapes the line ends of its message.
void log_rows(const LogRecord& record, text::LineEnds line_ends) noexcept;

void log_crash(const GroupState& group, const TaskName& name, const std::exception_ptr& failure) noexcept;

// Of a task of TaskKind::kBackground: logs it, and counts it in the metrics.
void report_background_crash(const GroupState& group, const TaskName& name, const std::exception_ptr& failure) noexcept;

template <typename Text>
void log_text(LogLevel level, Instant at, std::string_view source, Label label, Text text) noexcept {
  if (!log_begins(level)) {
    return;
  }
  const std::string message = text();
  log_rows({level, at, source, label.view(), message}, text::LineEnds::kKeep);
}

}  // namespace soak::detail

#endif  // SOAK_LIB_ASYNC_LOG_LINES_H_

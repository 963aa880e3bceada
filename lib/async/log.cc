// SPDX-License-Identifier: Apache-2.0
#include "soak/log.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <utility>

#include "lib/async/async_metrics.h"
#include "lib/async/line_limit.h"
#include "lib/async/log_lines.h"
#include "soak/detail/enum_names.h"
#include "soak/detail/printable.h"
#include "soak/detail/secrets.h"

namespace soak {

namespace {

constexpr detail::EnumNames<LogLevel> kLevelNames({{LogLevel::kInfo, "info"},
                                                   {LogLevel::kWarning, "warning"},
                                                   {LogLevel::kError, "error"}});

struct Log {
  std::mutex mutex;
  LogSink sink;
  std::atomic<bool> is_default = true;
  detail::LineLimit limit{std::chrono::steady_clock::now()};  // Of the default sink.
};

// Never destroyed: other statics may still log while they are.
Log& the_log() {
  static Log& log = *new Log;
  return log;
}

// A line that cannot be written, because the disk is full, is lost: fmt::print() would throw, and end the process.
void print(Log& log, const LogRecord& record, text::LineEnds line_ends) {
  std::string lines;
  if (const std::size_t left_out = log.limit.take_left_out(); left_out > 0) {
    lines = fmt::format("soak: {} lines omitted here\n", left_out);
  }
  const std::chrono::duration<double> at = record.at.time_since_epoch();
  lines += text::printable(
      fmt::format("soak: {:.3f} s {} '{}': {}", at.count(), record.source, record.label, record.message), line_ends);
  lines += '\n';
  std::fputs(lines.c_str(), stderr);
}

}  // namespace

std::string_view to_string(LogLevel level) { return kLevelNames[level]; }

LogSink set_log_sink(LogSink sink) {
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  log.is_default = !sink;
  return std::exchange(log.sink, std::move(sink));
}

bool log_wanted(LogLevel level) noexcept { return level != LogLevel::kInfo || !the_log().is_default; }

void log(const LogRecord& record) noexcept {
  if (detail::log_begins(record.level)) {
    detail::log_rows(record, text::LineEnds::kEscape);
  }
}

namespace detail {

bool log_begins(LogLevel level) noexcept {
  if (!log_wanted(level)) {
    return false;
  }
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  return log.sink || log.limit.take(std::chrono::steady_clock::now());
}

void log_rows(const LogRecord& record, text::LineEnds line_ends) noexcept {
  const std::string message = text::without_secrets(record.message);
  LogRecord cleared = record;
  cleared.message = message;
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  if (log.sink) {
    log.sink(cleared);
  } else {
    print(log, cleared, line_ends);
  }
}

std::string shown(const std::exception_ptr& failure) { return text::printable(what_of(failure)); }

std::string count_of_tasks(std::size_t count) { return fmt::format("{} task{}", count, count == 1 ? "" : "s"); }

namespace {

std::string_view source_of(const GroupState& group) {
  if (group.draining) {
    return "drain";
  }
  return group.logs_crashes ? "supervise" : "task group";
}

}  // namespace

void log_crash(const GroupState& group, const TaskName& name, const std::exception_ptr& failure) noexcept {
  log_text(LogLevel::kError, group.loop.now(), source_of(group), group.label,
           [&] { return fmt::format("{} crashed: {}", to_string(name), shown(failure)); });
}

void report_background_crash(const GroupState& group, const TaskName& name,
                             const std::exception_ptr& failure) noexcept {
  log_text(LogLevel::kError, group.loop.now(), source_of(group), group.label,
           [&] { return fmt::format("{} crashed in the background: {}", to_string(name), shown(failure)); });
  count_background_crash(group.label, name.text());
}

}  // namespace detail
}  // namespace soak

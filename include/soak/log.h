// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LOG_H_
#define SOAK_LOG_H_

// One sink for the log of soak's primitives: each failure in a gather, each crash that supervise sees, and the tasks
// that a drain cancelled, destroyed or could not end. Ids belong in the log, never in a metric.
//
// You may call everything here from any thread. A sink is called by one thread at a time. It must not throw, log or set
// a sink.

#include <functional>
#include <string_view>

#include "soak/detail/clock.h"
#include "soak/metrics/label.h"

namespace soak {

enum class LogLevel { kInfo, kWarning, kError };

std::string_view to_string(LogLevel level);

struct LogRecord {
  LogLevel level = LogLevel::kInfo;
  Instant at{};             // On the clock of the loop where it happened.
  std::string_view source;  // "drain", "gather", "supervise", "session", "task group", "circuit breaker".
  std::string_view label;   // As in the call's options.
  std::string_view message;
};

using LogSink = std::function<void(const LogRecord&)>;

// Sends every record to `sink` from now on, and returns the previous sink. An empty sink restores the default, which
// writes warnings and errors to stderr: twenty at once, then at most ten a second, and prints how many lines it left
// out.
LogSink set_log_sink(LogSink sink);

// True if a record of this level would go anywhere. Check it before you build an expensive message.
bool log_wanted(LogLevel level) noexcept;

void log(const LogRecord& record) noexcept;

}  // namespace soak

#endif  // SOAK_LOG_H_

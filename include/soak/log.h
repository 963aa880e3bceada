// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LOG_H_
#define SOAK_LOG_H_

// One sink for all that soak's primitives have to say while a program runs: each failure in a gather, each crash
// that supervise sees, whom a drain cancelled, destroyed and could not end. Ids belong here, never in a metric.
//
// Everything here may be called from any thread. A sink is called by one thread at a time; it must not throw, nor
// log, nor set a sink.

#include <functional>
#include <string_view>

#include "soak/detail/clock.h"
#include "soak/metrics/label.h"

namespace soak {

enum class LogLevel { kInfo, kWarning, kError };

std::string_view to_string(LogLevel level);

struct LogRecord {
  LogLevel level = LogLevel::kInfo;
  Instant at{};             // By the loop that it happened on.
  std::string_view source;  // "drain", "gather", "supervise", "session", "task group".
  std::string_view label;   // As in the call's options.
  std::string_view message;
};

using LogSink = std::function<void(const LogRecord&)>;

// Every record from now on goes to `sink`; returns the sink before. An empty one stands for the default, which
// writes warnings and errors to stderr: twenty at once, then at most ten a second, and says how many it left out.
LogSink set_log_sink(LogSink sink);

// Whether a record of this level would go anywhere, so that a message nobody reads need not be made.
bool log_wanted(LogLevel level) noexcept;

void log(const LogRecord& record) noexcept;

}  // namespace soak

#endif  // SOAK_LOG_H_

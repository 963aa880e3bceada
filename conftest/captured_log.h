// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CONFTEST_CAPTURED_LOG_H_
#define SOAK_CONFTEST_CAPTURED_LOG_H_

// What the primitives log while it lives, instead of on stderr.

#include <regex>
#include <string>
#include <vector>

#include "soak/log.h"

namespace soak::conftest {

class CapturedLog {
 public:
  CapturedLog() : before_(set_log_sink([this](const LogRecord& record) { take(record); })) {}
  ~CapturedLog() { set_log_sink(before_); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  // "error drain 'pusher': 1 task ...", in their order; of a source location only the file, "at pusher.cc".
  const std::vector<std::string>& lines() const { return lines_; }

  std::string text() const {
    std::string all;
    for (const std::string& line : lines_) all += line + "\n";
    return all;
  }

 private:
  void take(const LogRecord& record) {
    std::string line = std::string(to_string(record.level)) + " " + std::string(record.source) + " '" +
                       std::string(record.label) + "': " + std::string(record.message);
    static const std::regex kPlace("at [^ ]*/([^ /]+):[0-9]+");
    lines_.push_back(std::regex_replace(line, kPlace, "at $1"));
  }

  std::vector<std::string> lines_;
  LogSink before_;
};

}  // namespace soak::conftest

#endif  // SOAK_CONFTEST_CAPTURED_LOG_H_

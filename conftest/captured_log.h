// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CONFTEST_CAPTURED_LOG_H_
#define SOAK_CONFTEST_CAPTURED_LOG_H_

// What the primitives log while it lives, instead of on stderr.

#include <cstddef>
#include <string>
#include <string_view>
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
    for (const std::string& line : lines_) {
      all += line + "\n";
    }
    return all;
  }

 private:
  void take(const LogRecord& record) {
    lines_.push_back(std::string(to_string(record.level)) + " " + std::string(record.source) + " '" +
                     std::string(record.label) + "': " + without_places(record.message));
  }

  // By hand: g++ 12 warns of std::regex itself under the sanitizers.
  static std::string without_places(std::string_view text) {
    constexpr std::string_view kAt = "at ";
    std::string kept;
    for (std::size_t at = text.find(kAt); at != std::string_view::npos; at = text.find(kAt)) {
      kept += text.substr(0, at + kAt.size());
      text.remove_prefix(at + kAt.size());
      const std::string_view place = text.substr(0, text.find_first_of(" \n"));
      const std::size_t colon = place.rfind(':');
      if (colon == std::string_view::npos || colon + 1 == place.size()) {
        continue;
      }
      if (place.find_first_not_of("0123456789", colon + 1) != std::string_view::npos) {
        continue;
      }
      const std::size_t file = place.rfind('/') + 1;  // Zero where there is no directory.
      kept += place.substr(file, colon - file);
      text.remove_prefix(place.size());
    }
    return kept.append(text);
  }

  std::vector<std::string> lines_;
  LogSink before_;
};

}  // namespace soak::conftest

#endif  // SOAK_CONFTEST_CAPTURED_LOG_H_

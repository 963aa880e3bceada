// SPDX-License-Identifier: Apache-2.0
#include "soak/report/progress.h"

#include <fmt/format.h>

#include "soak/detail/format.h"

namespace soak::report {
namespace {

using namespace std::chrono_literals;

std::chrono::nanoseconds line_every(bool terminal, std::chrono::nanoseconds asked) {
  if (terminal) {
    return 1s;
  }
  if (asked < 10s) {
    return std::chrono::nanoseconds::max();
  }
  return asked < 3min ? asked / 3 : 1min;
}

}  // namespace

Progress::Progress(std::FILE* out, bool terminal, std::chrono::nanoseconds asked)
    : out_(out), terminal_(terminal), asked_(asked), every_(line_every(terminal, asked)), next_(every_) {}

bool Progress::due(std::chrono::nanoseconds elapsed) const { return elapsed >= next_ && elapsed < asked_; }

void Progress::show(const std::string& title, std::chrono::nanoseconds elapsed, const std::string& text) {
  next_ = elapsed - elapsed % every_ + every_;
  const std::string line =
      fmt::format("[{}] {} of {} {}", title, detail::format_clock(elapsed), detail::format_clock(asked_), text);
  if (terminal_) {
    std::fprintf(out_, "\r%s\033[K", line.c_str());
    shown_ = true;
  } else {
    std::fprintf(out_, "%s\n", line.c_str());
  }
  std::fflush(out_);
}

void Progress::clear() {
  if (shown_) {
    std::fputs("\r\033[K", out_);
    std::fflush(out_);
    shown_ = false;
  }
}

}  // namespace soak::report

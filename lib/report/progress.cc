// SPDX-License-Identifier: Apache-2.0
#include "soak/report/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstddef>
#include <iterator>
#include <string>

#include "lib/text/format.h"
#include "soak/detail/printable.h"

namespace soak::report {
namespace {

using namespace std::chrono_literals;

std::chrono::nanoseconds line_every(bool terminal, std::chrono::nanoseconds asked) {
  if (terminal) {
    return 1s;
  }
  if (asked == 0s) {
    return 1min;
  }
  if (asked < 10s) {
    return std::chrono::nanoseconds::max();
  }
  return asked < 3min ? asked / 3 : 1min;
}

// How wide the terminal is; as wide as the line may be where it does not say.
std::size_t columns(std::FILE* terminal) {
  winsize size{};
  const int fd = ::fileno(terminal);
  return fd >= 0 && ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : std::string_view::npos;
}

}  // namespace

Progress::Progress(std::FILE* out, bool terminal, std::chrono::nanoseconds asked)
    : out_(out), terminal_(terminal), asked_(asked), every_(line_every(terminal, asked)), next_(every_) {}

bool Progress::due(std::chrono::nanoseconds elapsed) const {
  return elapsed >= next_ && (elapsed < asked_ || asked_ == 0s);
}

void Progress::show(std::string_view title, std::chrono::nanoseconds elapsed, std::string_view words) {
  next_ = elapsed - elapsed % every_ + every_;
  fmt::memory_buffer line;
  fmt::format_to(std::back_inserter(line), "[{}] {}", title, text::format_clock(elapsed));
  if (asked_ > 0s) {
    fmt::format_to(std::back_inserter(line), " of {}, {} left", text::format_clock(asked_),
                   text::format_clock(asked_ - elapsed));
  }
  fmt::format_to(std::back_inserter(line), ": {}", words);
  const std::string safe = text::printable({line.data(), line.size()});
  std::string_view shown = safe;
  if (terminal_) {
    shown = shown.substr(0, columns(out_));  // A line that wraps cannot be rewritten.
    std::fprintf(out_, "\r%.*s\033[K", static_cast<int>(shown.size()), shown.data());
    shown_ = true;
  } else {
    std::fprintf(out_, "%.*s\n", static_cast<int>(shown.size()), shown.data());
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

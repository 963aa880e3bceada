// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_TASK_NAME_H_
#define SOAK_DETAIL_TASK_NAME_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "soak/metrics/label.h"

namespace soak {

// What reports and failures call a task: "poller", or {"session", 3}, which prints as "session-3". The text
// is a constant, so that a million tasks with names cost no allocation.
class TaskName {
 public:
  constexpr TaskName() noexcept = default;

  template <std::size_t N>
  consteval TaskName(const char (&text)[N]) : text_(text) {}  // NOLINT: a string literal is a name.

  constexpr TaskName(Label text) noexcept : text_(text) {}  // NOLINT: a label is a name as well.

  template <std::integral Number>
  constexpr TaskName(Label text, Number number) noexcept : text_(text), number_(static_cast<std::int64_t>(number)) {}

  // The text without the number, for a metric.
  constexpr Label text() const noexcept { return text_; }
  // The number it was given; without one, the least there is.
  constexpr std::int64_t number() const noexcept { return number_; }

  friend std::string to_string(const TaskName& name) {
    if (name.number_ == kNone) {
      return name.text_.text();
    }
    return std::string(name.text_.view()) + "-" + std::to_string(name.number_);
  }

 private:
  static constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::min();

  Label text_ = "task";
  std::int64_t number_ = kNone;
};

// What the end of a task means to the supervisor of its group.
enum class TaskKind : std::uint8_t {
  kLifetime,    // Runs as long as the whole does: that it ends, ends the whole.
  kReceive,     // Reads the connection: that it ends, means the peer is gone.
  kFinite,      // Has work of its own: that it ends normally, means nothing.
  kBackground,  // An extra, such as a webhook: nobody waits for it, and a crash is logged, counted, and ends nothing.
};

}  // namespace soak

#endif  // SOAK_DETAIL_TASK_NAME_H_

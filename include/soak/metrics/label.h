// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_METRICS_LABEL_H_
#define SOAK_METRICS_LABEL_H_

// The value of a metric's label. Only a string literal is accepted.
//
// One label per user or session would create one series per user or session, until the process or Prometheus runs out
// of memory. So the type accepts only text from the source code. Ids belong in the log.

#include <cstddef>
#include <string_view>

namespace soak {

class Label {
 public:
  template <std::size_t N>
  consteval Label(const char (&text)[N]) : text_(text) {}  // NOLINT: implicit on purpose, for string literals.

  constexpr const char* text() const noexcept { return text_; }
  constexpr std::string_view view() const noexcept { return text_; }

 private:
  const char* text_;
};

}  // namespace soak

#endif  // SOAK_METRICS_LABEL_H_

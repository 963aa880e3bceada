// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_METRICS_LABEL_H_
#define SOAK_METRICS_LABEL_H_

// The value of a metric's label: a string literal, and nothing else.
//
// A label per user or session would make a series per user or session, until the process or the Prometheus that
// scrapes it runs out of memory. So the type takes only text that is in the program; ids belong in the log.

#include <cstddef>
#include <string_view>

namespace soak {

class Label {
 public:
  template <std::size_t N>
  consteval Label(const char (&text)[N]) : text_(text) {}  // NOLINT: a string literal is one.

  constexpr const char* text() const noexcept { return text_; }
  constexpr std::string_view view() const noexcept { return text_; }

 private:
  const char* text_;
};

}  // namespace soak

#endif  // SOAK_METRICS_LABEL_H_

// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/prometheus_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lib/text/ascii.h"
#include "lib/text/number.h"
#include "soak/error.h"

namespace soak::tools {
namespace {

constexpr std::size_t kQuotedMax = 60;  // Of a line, in a message.

bool begins_name(char c) { return text::is_letter_or_digit(c) || c == '_' || c == ':'; }
bool is_space(char c) { return c == ' ' || c == '\t'; }

// Goes through a text from left to right.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  std::size_t at() const { return at_; }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  void skip_spaces() {
    while (is_space(peek())) {
      ++at_;
    }
  }
  bool take(char c) {
    if (peek() != c || at_end()) {
      return false;
    }
    ++at_;
    return true;
  }
  std::string_view name() {
    const std::size_t from = at_;
    while (!at_end() && begins_name(text_[at_])) {
      ++at_;
    }
    return text_.substr(from, at_ - from);
  }
  // In quotes, with the escapes \\, \" and \n.
  std::optional<std::string> quoted() {
    if (!take('"')) {
      return std::nullopt;
    }
    std::string value;
    while (!at_end()) {
      const char c = text_[at_++];
      if (c == '"') {
        return value;
      }
      if (c == '\\' && !at_end()) {
        const char escaped = text_[at_++];
        value += escaped == 'n' ? "\n" : std::string(escaped == '\\' || escaped == '"' ? "" : "\\") + escaped;
      } else {
        value += c;
      }
    }
    return std::nullopt;
  }
  std::string_view word() {
    const std::size_t from = at_;
    while (!at_end() && !is_space(text_[at_])) {
      ++at_;
    }
    return text_.substr(from, at_ - from);
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// What is between the braces, the opening one taken: label="value", and a name in quotes, as of UTF-8 names.
bool read_labels(Cursor& cursor, std::string& quoted_name, Labels& labels) {
  cursor.skip_spaces();
  while (!cursor.take('}')) {
    const bool in_quotes = cursor.peek() == '"';
    std::optional<std::string> label = in_quotes ? cursor.quoted() : std::string(cursor.name());
    if (!label || label->empty()) {
      return false;
    }
    cursor.skip_spaces();
    if (cursor.take('=')) {
      cursor.skip_spaces();
      std::optional<std::string> value = cursor.quoted();
      if (!value) {
        return false;
      }
      labels.emplace_back(std::move(*label), std::move(*value));
    } else if (in_quotes && quoted_name.empty()) {
      quoted_name = std::move(*label);
    } else {
      return false;
    }
    cursor.skip_spaces();
    if (!cursor.take(',') && cursor.peek() != '}') {
      return false;
    }
    cursor.skip_spaces();
  }
  return true;
}

std::optional<double> read_value(std::string_view word) {
  std::string_view digits = word;
  if (digits.starts_with('+')) {
    digits.remove_prefix(1);
  }
  if (text::equal_ignoring_case(digits, "nan")) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (text::equal_ignoring_case(digits, "inf")) {
    return std::numeric_limits<double>::infinity();
  }
  if (text::equal_ignoring_case(digits, "-inf")) {
    return -std::numeric_limits<double>::infinity();
  }
  return text::parse_float(digits);
}

std::string_view without_line_end(std::string_view line) {
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  return line;
}

template <typename Each>
void each_line(std::string_view page, Each each) {
  std::size_t number = 1;
  for (std::size_t at = 0; at < page.size(); ++number) {
    const std::size_t end = std::min(page.find('\n', at), page.size());
    each(without_line_end(page.substr(at, end - at)), number);
    at = end + 1;
  }
}

[[noreturn]] void refuse(std::string_view line, std::size_t number) {
  throw Error(Errc::kProtocol,
              fmt::format("line {} is no sample of Prometheus' text format: '{}'", number, line.substr(0, kQuotedMax)));
}

}  // namespace

bool Selector::matches(const Labels& others) const {
  return std::all_of(labels.begin(), labels.end(), [&others](const auto& label) {
    return std::find(others.begin(), others.end(), label) != others.end();
  });
}

Selector parse_selector(std::string_view text) {
  Cursor cursor(text);
  Selector selector{std::string(cursor.name()), {}};
  bool good = true;
  if (cursor.take('{')) {
    good = read_labels(cursor, selector.name, selector.labels);
  }
  if (!good || !cursor.at_end() || selector.name.empty()) {
    throw Error(Errc::kInvalidArgument,
                fmt::format("'{}': expected the name of a metric, such as http_requests_total, or with labels that are "
                            "equal to a value: http_requests_total{{code=\"200\"}}",
                            text));
  }
  return selector;
}

void read_page(std::string_view page, const std::function<bool(std::string_view name)>& wants,
               const std::function<void(const Sample&)>& take) {
  each_line(page, [&](std::string_view line, std::size_t number) {
    Cursor cursor(line);
    cursor.skip_spaces();
    if (cursor.at_end() || cursor.peek() == '#') {
      return;
    }
    const std::size_t from = cursor.at();
    const std::string_view name = cursor.name();
    if (cursor.peek() != '{' && (name.empty() || !is_space(cursor.peek()))) {
      refuse(line, number);
    }
    if (!name.empty() && !wants(name)) {
      return;  // Not asked for, so not read any further.
    }
    Sample sample;
    std::string quoted_name;
    cursor.skip_spaces();
    if (cursor.take('{') && !read_labels(cursor, quoted_name, sample.labels)) {
      refuse(line, number);
    }
    sample.name = name.empty() ? std::string_view(quoted_name) : name;
    sample.series = line.substr(from, cursor.at() - from);
    cursor.skip_spaces();
    const std::optional<double> value = read_value(cursor.word());
    if (!value || sample.name.empty()) {
      refuse(line, number);
    }
    sample.value = *value;
    if (wants(sample.name)) {
      take(sample);
    }
  });
}

std::vector<std::string> counters_of(std::string_view page, std::size_t most) {
  std::vector<std::string> names;
  each_line(page, [&](std::string_view line, std::size_t) {
    constexpr std::string_view kType = "# TYPE ";
    if (names.size() == most || !line.starts_with(kType)) {
      return;
    }
    Cursor cursor(line.substr(kType.size()));
    const std::string_view name = cursor.word();
    cursor.skip_spaces();
    if (cursor.word() == "counter") {
      names.emplace_back(name);
    }
  });
  return names;
}

void CounterSum::add(const std::string& series, double value) {
  if (std::isfinite(value)) {
    next_[series] += value;
    seen_ = true;
  }
}

double CounterSum::end_page() {
  double increase = 0;
  for (const auto& [series, value] : next_) {
    const auto before = last_.find(series);
    const double from = before == last_.end() || value < before->second ? 0 : before->second;
    increase += first_ ? 0 : value - from;
    last_[series] = value;
  }
  first_ = false;
  return increase;
}

}  // namespace soak::tools

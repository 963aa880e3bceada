// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_JSON_WRITER_H_
#define SOAK_LIB_JSON_WRITER_H_

// Writes JSON into a string.
//
//   json::Writer json;
//   json.object().key("type").text("hello").key("ids").array().integer(1).end_array().end_object();
//   send(json.take());
//
// Brackets and keys are the caller's to pair. What is written is UTF-8 always: see text().

#include <fmt/format.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "lib/json/reader.h"

namespace soak::json {

class Writer {
 public:
  enum class Layout : std::uint8_t {
    kCompact,
    kIndented,  // By a space for each level, and a line for each member and element.
  };

  explicit Writer(Layout layout = Layout::kCompact) : layout_(layout) {}
  // Compact, in place of what `room` holds, whose memory it uses.
  explicit Writer(std::string room) : out_(std::move(room)) { out_.clear(); }

  // What text() writes goes through `filter` first, from now on.
  using Filter = std::string (*)(std::string_view);
  void set_filter(Filter filter) { filter_ = filter; }

  Writer& object() { return open('{'); }
  Writer& end_object() { return close('}'); }
  Writer& array() { return open('['); }
  Writer& end_array() { return close(']'); }
  // An array that stands on one line, with all that is in it, if the layout is indented.
  Writer& row();
  Writer& key(std::string_view name);

  // A string, with U+FFFD in place of each byte that is not UTF-8: one such byte would make the whole text invalid.
  Writer& text(std::string_view value);
  Writer& text_or_null(std::string_view value) { return value.empty() ? null() : text(value); }
  Writer& base64(std::span<const std::byte> bytes);
  template <std::integral Integer>
    requires(!std::same_as<Integer, bool>)
  Writer& integer(Integer value) {
    const fmt::format_int digits(value);
    return raw({digits.data(), digits.size()});
  }
  // In as few digits as give it back, and never as an integer would be written; null where it is not finite.
  Writer& number(double value);
  Writer& boolean(bool value) { return raw(value ? "true" : "false"); }
  Writer& null() { return raw("null"); }
  Writer& value(const Value& value);
  // A value that is JSON already.
  Writer& raw(std::string_view json);

  // Between the values of a text of several lines, each with one value (NDJSON).
  Writer& end_line();

  const std::string& str() const { return out_; }
  std::string take() { return std::move(out_); }

 private:
  Writer& open(char bracket);
  Writer& close(char bracket);
  void separate();
  void break_line();
  void quote(std::string_view text);

  std::string out_;
  Layout layout_ = Layout::kCompact;
  Filter filter_ = nullptr;
  bool separate_ = false;  // A comma is due before what comes next.
  bool after_key_ = false;
  std::size_t depth_ = 0;
  std::size_t row_depth_ = 0;  // Where a row began; 0 outside of one.
};

}  // namespace soak::json

#endif  // SOAK_LIB_JSON_WRITER_H_

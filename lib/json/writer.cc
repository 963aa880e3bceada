// SPDX-License-Identifier: Apache-2.0
#include "lib/json/writer.h"

#include <array>
#include <cmath>

#include "lib/json/text_stream.h"
#include "lib/text/base64.h"
#include "lib/text/utf8.h"

namespace soak::json {
namespace {

// RapidJSON's way of walking through a value.
class Handler {
 public:
  explicit Handler(Writer& json) : json_(json) {}

  bool Null() { return done(json_.null()); }
  bool Bool(bool value) { return done(json_.boolean(value)); }
  bool Int(int value) { return done(json_.integer(value)); }
  bool Uint(unsigned value) { return done(json_.integer(value)); }
  bool Int64(std::int64_t value) { return done(json_.integer(value)); }
  bool Uint64(std::uint64_t value) { return done(json_.integer(value)); }
  bool Double(double value) { return done(json_.number(value)); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) { return done(json_.raw({text, size})); }
  bool String(const char* text, rapidjson::SizeType size, bool) { return done(json_.text({text, size})); }
  bool Key(const char* text, rapidjson::SizeType size, bool) { return done(json_.key({text, size})); }
  bool StartObject() { return done(json_.object()); }
  bool EndObject(rapidjson::SizeType) { return done(json_.end_object()); }
  bool StartArray() { return done(json_.array()); }
  bool EndArray(rapidjson::SizeType) { return done(json_.end_array()); }

 private:
  static bool done(const Writer&) { return true; }

  Writer& json_;
};

void append_escape(std::string& out, char special) {
  constexpr std::string_view kHexDigits = "0123456789ABCDEF";
  out += '\\';
  switch (special) {
    case '"':
    case '\\':
      out += special;
      break;
    case '\b':
      out += 'b';
      break;
    case '\f':
      out += 'f';
      break;
    case '\n':
      out += 'n';
      break;
    case '\r':
      out += 'r';
      break;
    case '\t':
      out += 't';
      break;
    default: {
      const auto code = static_cast<unsigned char>(special);
      out += "u00";
      out += kHexDigits[code >> 4U];
      out += kHexDigits[code & 15U];
    }
  }
}

// `text` is UTF-8.
void append_escaped(std::string& out, std::string_view text) {
  while (true) {
    const std::size_t plain = plain_length(text.data(), text.data() + text.size());
    out += text.substr(0, plain);
    if (plain == text.size()) {
      return;
    }
    append_escape(out, text[plain]);
    text.remove_prefix(plain + 1);
  }
}

}  // namespace

Writer& Writer::row() {
  open('[');
  if (row_depth_ == 0) {
    row_depth_ = depth_;
  }
  return *this;
}

Writer& Writer::key(std::string_view name) {
  separate();
  quote(name);
  out_ += layout_ == Layout::kIndented ? ": " : ":";
  after_key_ = true;
  return *this;
}

Writer& Writer::text(std::string_view value) {
  separate();
  quote(filter_ == nullptr ? value : filter_(value));
  return *this;
}

Writer& Writer::base64(std::span<const std::byte> bytes) {
  constexpr std::size_t kAround = 32;  // Quotes, and the brackets that follow.
  separate();
  out_.reserve(out_.size() + text::base64_size(bytes.size()) + kAround);
  out_ += '"';
  text::append_base64(out_, bytes);
  out_ += '"';
  return *this;
}

Writer& Writer::number(double value) {
  if (!std::isfinite(value)) {
    return null();
  }
  std::array<char, 40> digits;
  const auto end = fmt::format_to_n(digits.data(), digits.size(), "{}", value).out;
  const std::string_view shortest(digits.data(), static_cast<std::size_t>(end - digits.data()));
  raw(shortest);
  if (shortest.find_first_of(".e") == std::string_view::npos) {
    out_ += ".0";
  }
  return *this;
}

Writer& Writer::value(const Value& value) {
  Handler handler(*this);
  value.Accept(handler);
  return *this;
}

Writer& Writer::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

Writer& Writer::end_line() {
  out_ += '\n';
  separate_ = false;
  return *this;
}

Writer& Writer::open(char bracket) {
  separate();
  out_ += bracket;
  separate_ = false;
  ++depth_;
  return *this;
}

Writer& Writer::close(char bracket) {
  const bool in_row = row_depth_ > 0;
  if (row_depth_ == depth_) {
    row_depth_ = 0;
  }
  --depth_;
  if (separate_ && !in_row) {  // It is not empty.
    break_line();
  }
  out_ += bracket;
  separate_ = true;
  return *this;
}

void Writer::separate() {
  if (after_key_) {
    after_key_ = false;
    separate_ = true;
    return;
  }
  if (separate_) {
    out_ += ',';
  }
  if (row_depth_ == 0) {
    break_line();
  } else if (separate_) {
    out_ += layout_ == Layout::kIndented ? " " : "";
  }
  separate_ = true;
}

void Writer::break_line() {
  if (layout_ == Layout::kIndented && depth_ + out_.size() > 0) {
    out_ += '\n';
    out_.append(depth_, ' ');
  }
}

void Writer::quote(std::string_view text) {
  out_ += '"';
  while (true) {
    const std::size_t valid = text::valid_utf8_size(text);
    append_escaped(out_, text.substr(0, valid));
    if (valid == text.size()) {
      break;
    }
    out_ += text::kReplacementCharacter;
    text.remove_prefix(valid + 1);
  }
  out_ += '"';
}

}  // namespace soak::json

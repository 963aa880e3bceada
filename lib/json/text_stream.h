// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_JSON_TEXT_STREAM_H_
#define SOAK_LIB_JSON_TEXT_STREAM_H_

// JSON with long strings in it, as RapidJSON reads it in place.
//
// Audio is a string of some thousand characters that all stand for themselves. RapidJSON copies it character by
// character; this stream steps over what it need not look at when a string begins, many characters at a time.

#include <rapidjson/stream.h>

#include <cstddef>
#include <string>

namespace soak::json {

// How many of the characters from `at` on stand for themselves in a string: the first that does not is a quote, a
// backslash or a control character.
inline std::size_t plain_length(const char* at, const char* end) {
  constexpr std::ptrdiff_t kBlock = 32;  // Without a branch inside, so that the compiler compares them all at once.
  const auto special = [](char character) -> unsigned {
    const auto code = static_cast<unsigned char>(character);
    return static_cast<unsigned>(code == '"') | static_cast<unsigned>(code == '\\') |
           static_cast<unsigned>(code < 0x20);
  };
  const char* const begin = at;
  for (; end - at >= kBlock; at += kBlock) {
    unsigned char found = 0;
    for (std::ptrdiff_t i = 0; i < kBlock; ++i) {
      found |= static_cast<unsigned char>(special(at[i]));
    }
    if (found != 0) {
      break;
    }
  }
  while (at != end && special(*at) == 0) {
    ++at;
  }
  return static_cast<std::size_t>(at - begin);
}

// RapidJSON's stream concept, for kParseInsituFlag: strings are put together in `text`, which outlives the document. A
// NUL character ends the text for RapidJSON: at_end() tells whether it was the last.
class TextStream {
 public:
  using Ch = char;

  explicit TextStream(std::string& text) : at_(text.data()), begin_(at_), end_(at_ + text.size()) {}

  Ch Peek() const { return *at_; }
  Ch Take() { return *at_++; }
  std::size_t Tell() const { return static_cast<std::size_t>(at_ - begin_); }

  // Here a string begins.
  Ch* PutBegin() {
    Ch* const begin = at_;
    put_ = at_ += plain_length(at_, end_);
    return begin;
  }
  void Put(Ch character) { *put_++ = character; }
  std::size_t PutEnd(const Ch* begin) { return static_cast<std::size_t>(put_ - begin); }
  void Flush() {}

  bool at_end() const { return at_ == end_; }

 private:
  Ch* at_;
  Ch* begin_;
  Ch* end_;
  Ch* put_ = nullptr;
};

}  // namespace soak::json

namespace rapidjson {

template <>
struct StreamTraits<soak::json::TextStream> {
  enum { copyOptimization = 1 };
};

}  // namespace rapidjson

#endif  // SOAK_LIB_JSON_TEXT_STREAM_H_

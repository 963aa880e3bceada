// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_JSON_FIELD_H_
#define SOAK_LIB_PEERS_JSON_FIELD_H_

// A client's JSON as the fakes check it: where a value stands, what may be there, and the refusal that says both.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "lib/json/reader.h"

namespace soak::peers {

using json::Value;
using json::view;

// Why a message, or a connection, is not accepted: thrown by all that checks one. How it is written is the provider's
// way; an empty member means that there is none.
struct Refusal {
  std::string code;
  std::string message;
  std::string param;
};

// Client text for a message: cut, but not inside a character, so that an error stays short.
std::string excerpt(std::string_view text);

// "a string", "an array": for messages.
const char* kind_of(const Value& value);

// How a provider's JSON spells the members of its objects.
enum class Spelling : std::uint8_t {
  kExact,
  // As protocol buffers are read from JSON (protobuf.dev/programming-guides/json): lowerCamelCase or snake_case, null
  // is as good as absent, and an integer may be the text of one. Code and errors name members in lowerCamelCase.
  kProto,
};

// A value in a message, and its dotted path for the error that names it. What is not as asked for throws
// Refusal, in the words of OpenAI Realtime.
class Field {
 public:
  Field(const Value& value, std::string path, Spelling spelling = Spelling::kExact)
      : value_(&value), path_(std::move(path)), spelling_(spelling) {}

  const std::string& path() const { return path_; }
  const Value& value() const { return *value_; }
  bool is_null() const { return value_->IsNull(); }
  bool is_string() const { return value_->IsString(); }

  // An object with no other members than these.
  const Field& object(std::initializer_list<std::string_view> members) const;
  const Field& object() const;
  std::optional<Field> find(std::string_view member) const;
  Field require(std::string_view member) const;

  std::size_t array() const;  // Its size.
  Field at(std::size_t index) const;

  std::string_view string() const;
  bool boolean() const;
  std::int64_t integer(std::int64_t min, std::int64_t max) const;
  double number(double min, double max) const;
  std::string_view one_of(std::initializer_list<std::string_view> values) const;

  std::string json() const;

  [[noreturn]] void refuse(std::string_view expected) const;  // invalid_type

 private:
  bool is_spelt(const Value& name, std::string_view member) const;

  const Value* value_;
  std::string path_;
  Spelling spelling_;
};

// "'a', 'b', and 'c'"
template <typename Range>
std::string quoted_list(const Range& words) {
  std::string list;
  std::size_t left = words.size();
  for (const std::string_view word : words) {
    if (!list.empty()) {
      list += words.size() > 2 ? ", " : " ";
    }
    if (--left == 0 && words.size() > 1) {
      list += "and ";
    }
    list.append("'").append(word).append("'");
  }
  return list;
}

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_JSON_FIELD_H_

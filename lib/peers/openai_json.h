// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_OPENAI_JSON_H_
#define SOAK_LIB_PEERS_OPENAI_JSON_H_

// JSON as the fake of OpenAI Realtime reads and writes it.

#include <rapidjson/document.h>
#include <rapidjson/reader.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace soak::peers::openai {

using Value = rapidjson::Value;

inline std::string_view view(const Value& text) { return {text.GetString(), text.GetStringLength()}; }

// Why a client event, or a connection, is not accepted: thrown by all that checks one, and written as an `error`
// event or as the body of a refused handshake. Empty means null.
struct Refusal {
  std::string code;
  std::string message;
  std::string param;
};

// Client text for a message: cut, but not inside a character, so that an error stays short.
std::string excerpt(std::string_view text);

// Reads client events, one at a time.
class EventParser {
 public:
  EventParser();

  // The object in `text`, of which it makes use: both are needed as long as the value is, and the next parse() ends
  // it. Throws Refusal for what is no JSON, is nested deeper than 64 levels or of more than
  // 65,536 values, or is no object.
  const Value& parse(std::string& text);

 private:
  std::unique_ptr<std::array<char, 16384>> memory_;
  rapidjson::MemoryPoolAllocator<> pool_;
  rapidjson::Reader reader_;
  std::optional<rapidjson::Document> document_;
};

// A value in a client event, and its dotted path for the error that names it. What is not as asked for throws
// Refusal, in the provider's words.
class Field {
 public:
  Field(const Value& value, std::string path) : value_(&value), path_(std::move(path)) {}

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
  const Value* value_;
  std::string path_;
};

// "'a', 'b', and 'c'"
template <typename Range>
std::string quoted_list(const Range& words) {
  std::string list;
  std::size_t left = words.size();
  for (const std::string_view word : words) {
    if (!list.empty()) list += words.size() > 2 ? ", " : " ";
    if (--left == 0 && words.size() > 1) list += "and ";
    list.append("'").append(word).append("'");
  }
  return list;
}

// Ids, and all else that is left to chance.
class Ids {
 public:
  explicit Ids(std::uint64_t seed) : random_(seed) {}

  std::string next(std::string_view prefix);  // "event_" and 21 letters and digits.
  std::string obfuscation();                  // 1 to 16 of them.

 private:
  std::mt19937_64 random_;
};

// Writes JSON into a string.
class Json {
 public:
  Json() = default;
  // A server event: an object, left open, with `type` and `event_id`.
  Json(Ids& ids, std::string_view type) { object().key("type").text(type).key("event_id").text(ids.next("event_")); }

  Json& key(std::string_view name);
  Json& object() { return open('{'); }
  Json& end_object() { return close('}'); }
  Json& array() { return open('['); }
  Json& end_array() { return close(']'); }
  Json& text(std::string_view value);
  Json& integer(std::int64_t value);
  Json& number(double value);
  Json& boolean(bool value) { return raw(value ? "true" : "false"); }
  Json& null() { return raw("null"); }
  Json& text_or_null(std::string_view value) { return value.empty() ? null() : text(value); }
  // A value that is JSON already.
  Json& raw(std::string_view json);

  std::string& buffer() { return out_; }
  std::string take() { return std::move(out_); }
  // Closes the object of an event.
  std::string end_event() { return end_object().take(); }

 private:
  Json& open(char bracket);
  Json& close(char bracket);
  void separate();

  std::string out_;
  bool separate_ = false;  // A comma is due before what comes next.
};

// {"type":...,"code":...,"message":...,"param":...}, left open.
void begin_error(Json& json, const Refusal& refusal);

}  // namespace soak::peers::openai

#endif  // SOAK_LIB_PEERS_OPENAI_JSON_H_

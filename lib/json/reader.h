// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_JSON_READER_H_
#define SOAK_LIB_JSON_READER_H_

// Reads JSON strictly, as RFC 8259 defines it, and within bounds.
//
// A text is one value with nothing behind it, is UTF-8 without a byte order mark, and nests no deeper and holds no more
// values than is allowed. Refused are also what RFC 8259 leaves to the reader, and readers take differently: two
// members of an object with one name, and escapes that are half of a surrogate pair. Numbers are the nearest doubles,
// or integers where they fit into 64 bits; what no double can hold is refused.

#include <rapidjson/document.h>
#include <rapidjson/reader.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace soak::json {

using Value = rapidjson::Value;

struct Limits {
  std::size_t depth_max = 64;  // Of arrays and objects in each other; also what writing a value back recurses.
  // Keys count as well. A value of two bytes takes sixteen of memory.
  std::size_t values_max = 65536;
};

// Why a text was refused.
struct Failure {
  enum class Kind : std::uint8_t {
    kSyntax,
    kNotUtf8,
    kTooMuch,  // Nested too deep, or too many values.
    kDuplicateName,
  };
  Kind kind = Kind::kSyntax;
  const char* what = "";  // "Missing a comma or } after an object member."
  std::size_t at = 0;     // The byte of the text, from 0.
};

// Reads one text after another, with the same memory.
class Reader {
 public:
  explicit Reader(Limits limits = {});

  // The value that `text` is, or null, and failure() says why. Strings are put together in `text`: both are needed as
  // long as the value is. The next read() ends it.
  const Value* read(std::string& text);

  const Failure& failure() const { return failure_; }  // Of the last read() that gave null.

 private:
  Limits limits_;
  std::unique_ptr<std::array<char, 16384>> memory_;
  rapidjson::MemoryPoolAllocator<> pool_;
  rapidjson::Reader reader_;
  std::optional<rapidjson::Document> document_;
  Failure failure_;
};

// A text that was read once, with all that its value needs.
class Document {
 public:
  explicit Document(std::string text, Limits limits = {});
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  bool is_json() const { return value_ != nullptr; }
  bool is_object() const { return is_json() && value_->IsObject(); }
  const Value& value() const;                                   // Null where it is not JSON.
  const Failure& failure() const { return reader_.failure(); }  // Where it is not.

 private:
  std::string text_;
  Reader reader_;
  const Value* value_;
};

// Members of a value, which need not be an object: absent, null or of another type is all the same to these.

const Value* member(const Value& object, std::string_view name);           // Null pointer where it is absent.
std::string_view text_member(const Value& object, std::string_view name);  // "" Lives as long as `object`.
bool flag_member(const Value& object, std::string_view name);              // false
std::optional<std::int64_t> integer_member(const Value& object, std::string_view name);
std::optional<double> number_member(const Value& object, std::string_view name);

// Of a string.
inline std::string_view view(const Value& text) { return {text.GetString(), text.GetStringLength()}; }

}  // namespace soak::json

#endif  // SOAK_LIB_JSON_READER_H_

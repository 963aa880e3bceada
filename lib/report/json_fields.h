// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_REPORT_JSON_FIELDS_H_
#define SOAK_LIB_REPORT_JSON_FIELDS_H_

// Reading JSON strictly: every access says what it wants, and throws ReadError with the place where it got something
// else.

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "lib/json/reader.h"
#include "lib/text/format.h"
#include "lib/text/utf8.h"
#include "soak/report/read_json.h"

namespace soak::report {

// A value of a document, and where it stands: "series[2].unit". The document outlives it.
class JsonValue {
 public:
  JsonValue(const json::Value& value, std::string file, std::string path)
      : value_(&value), file_(std::move(file)), path_(std::move(path)) {}

  // A field of an object that must be there; or one that may be absent.
  JsonValue operator[](const char* key) const {
    if (!has(key)) {
      throw ReadError(Errc::kInvalidArgument, fmt::format("{}: {} is missing", file_, path_of(key)));
    }
    return {(*value_)[key], file_, path_of(key)};
  }
  bool has(const char* key) const {
    if (!value_->IsObject()) {
      refuse("an object");
    }
    return value_->HasMember(key);
  }

  // Calls `each` with every element of an array, in order.
  template <typename Each>
  void for_each(Each each) const {
    if (!value_->IsArray()) {
      refuse("an array");
    }
    for (rapidjson::SizeType i = 0; i < value_->Size(); ++i) {
      each(element(i));
    }
  }

  // Calls `each` with the name and the value of every field, in order.
  template <typename Each>
  void for_each_field(Each each) const {
    if (!value_->IsObject()) {
      refuse("an object");
    }
    for (const auto& member : value_->GetObject()) {
      const std::string name(json::view(member.name));
      each(name, JsonValue(member.value, file_, path_of(name)));
    }
  }

  // An element of an array of exactly `size`.
  JsonValue element(std::size_t index, std::size_t size) const {
    if (!value_->IsArray() || value_->Size() != size) {
      refuse(fmt::format("an array of {}", size));
    }
    return element(index);
  }

  // Of an array; 0 for anything else.
  std::size_t size() const { return value_->IsArray() ? value_->Size() : 0; }

  bool is_null() const { return value_->IsNull(); }
  std::string text() const {
    if (!value_->IsString()) {
      refuse("a text");
    }
    return std::string(json::view(*value_));
  }
  bool boolean() const {
    if (!value_->IsBool()) {
      refuse("true or false");
    }
    return value_->GetBool();
  }
  std::uint64_t count() const {
    if (!value_->IsUint64()) {
      refuse("a whole number of 0 or more");
    }
    return value_->GetUint64();
  }
  std::int64_t whole() const {
    if (!value_->IsInt64()) {
      refuse("a whole number");
    }
    return value_->GetInt64();
  }
  double number() const {
    if (!value_->IsNumber()) {
      refuse("a number");
    }
    return value_->GetDouble();
  }
  // Written as null where it has no end.
  double number_or_infinity() const { return value_->IsNull() ? std::numeric_limits<double>::infinity() : number(); }
  std::chrono::nanoseconds seconds() const {
    const double seconds = number();
    if (!(std::abs(seconds) < 9e9)) {  // What nanoseconds can hold.
      refuse("a time in seconds");
    }
    return text::from_seconds(seconds);
  }

  [[noreturn]] void refuse(const std::string& allowed) const {
    std::string what = "another kind of value";
    if (value_->IsString()) {
      what = fmt::format("\"{}\"", text::first_bytes(json::view(*value_), 60));
    } else if (value_->IsNull()) {
      what = "null";
    } else if (value_->IsBool()) {
      what = value_->GetBool() ? "true" : "false";
    } else if (value_->IsNumber()) {
      what = fmt::format("{}", value_->GetDouble());
    } else if (value_->IsArray()) {
      what = fmt::format("an array of {}", value_->Size());
    } else if (value_->IsObject()) {
      what = "an object";
    }
    throw ReadError(Errc::kInvalidArgument, fmt::format("{}: {} is {}: expected {}", file_,
                                                        path_.empty() ? "the document" : path_, what, allowed));
  }

 private:
  JsonValue element(std::size_t index) const {
    return {(*value_)[static_cast<rapidjson::SizeType>(index)], file_, fmt::format("{}[{}]", path_, index)};
  }
  std::string path_of(std::string_view key) const {
    return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  }

  const json::Value* value_;
  std::string file_;
  std::string path_;
};

// One of several words.
template <typename T, std::size_t N>
T choice(const JsonValue& json, const std::array<std::pair<const char*, T>, N>& words) {
  const std::string text = json.text();
  std::string allowed;
  for (const auto& [word, value] : words) {
    if (text == word) {
      return value;
    }
    allowed += fmt::format("{}{}", allowed.empty() ? "" : " or ", word);
  }
  json.refuse(allowed);
}

inline probe::Unit read_unit(const JsonValue& json) {
  return choice<probe::Unit, 2>(json, {{{"bytes", probe::Unit::kBytes}, {"count", probe::Unit::kCount}}});
}

// How a run was asked for.
inline std::string read_mode(const JsonValue& json) {
  return choice<const char*, 3>(json, {{{"real", "real"}, {"virtual", "virtual"}, {"smoke", "smoke"}}});
}

}  // namespace soak::report

#endif  // SOAK_LIB_REPORT_JSON_FIELDS_H_

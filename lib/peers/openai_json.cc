// SPDX-License-Identifier: Apache-2.0
#include "openai_json.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cstring>

namespace soak::peers::openai {
namespace {

constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag;
constexpr std::size_t kDepthMax = 64;
constexpr std::size_t kValuesMax = 65536;

// Stands between the reader and the document, and stops what is nested too deep, or has too many values, to be
// meant well: a value of two bytes takes sixteen of memory, and writing it back recurses.
class Limited {
 public:
  using Ch = char;

  explicit Limited(rapidjson::Document& next) : next_(next) {}

  bool Null() { return count() && next_.Null(); }
  bool Bool(bool value) { return count() && next_.Bool(value); }
  bool Int(int value) { return count() && next_.Int(value); }
  bool Uint(unsigned value) { return count() && next_.Uint(value); }
  bool Int64(std::int64_t value) { return count() && next_.Int64(value); }
  bool Uint64(std::uint64_t value) { return count() && next_.Uint64(value); }
  bool Double(double value) { return count() && next_.Double(value); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool copy) {
    return count() && next_.RawNumber(text, size, copy);
  }
  bool String(const char* text, rapidjson::SizeType size, bool copy) {
    return count() && next_.String(text, size, copy);
  }
  bool Key(const char* text, rapidjson::SizeType size, bool copy) { return count() && next_.Key(text, size, copy); }
  bool StartObject() { return enter() && next_.StartObject(); }
  bool EndObject(rapidjson::SizeType size) { return leave() && next_.EndObject(size); }
  bool StartArray() { return enter() && next_.StartArray(); }
  bool EndArray(rapidjson::SizeType size) { return leave() && next_.EndArray(size); }

 private:
  bool count() { return ++values_ <= kValuesMax; }
  bool enter() { return ++depth_ <= kDepthMax && count(); }
  bool leave() {
    --depth_;
    return true;
  }

  rapidjson::Document& next_;
  std::size_t depth_ = 0;
  std::size_t values_ = 0;
};

const char* kind_of(const Value& value) {
  switch (value.GetType()) {
    case rapidjson::kNullType:
      return "null";
    case rapidjson::kFalseType:
    case rapidjson::kTrueType:
      return "a boolean";
    case rapidjson::kObjectType:
      return "an object";
    case rapidjson::kArrayType:
      return "an array";
    case rapidjson::kStringType:
      return "a string";
    case rapidjson::kNumberType:
      return value.IsInt64() ? "an integer" : "a decimal";
  }
  return "something else";
}

std::string member_path(const std::string& parent, std::string_view member) {
  return parent.empty() ? std::string(member) : fmt::format("{}.{}", parent, member);
}

}  // namespace

std::string excerpt(std::string_view text) {
  constexpr std::size_t kShown = 100;
  if (text.size() <= kShown) return std::string(text);
  std::size_t end = kShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;  // Not inside a character.
  return std::string(text.substr(0, end)) + "...";
}

// EventParser

EventParser::EventParser()
    : memory_(std::make_unique<std::array<char, 16384>>()), pool_(memory_->data(), memory_->size()) {}

const Value& EventParser::parse(std::string& text) {
  document_.reset();
  pool_.Clear();
  document_.emplace(&pool_);
  bool ended_early = std::memchr(text.data(), '\0', text.size()) != nullptr;  // The reader would stop there.
  rapidjson::ParseResult result;
  const auto read = [&](rapidjson::Document& document) {
    rapidjson::InsituStringStream stream(text.data());
    Limited limited(document);
    result = reader_.Parse<kFlags>(stream, limited);
    return !result.IsError();
  };
  if (!ended_early) document_->Populate(read);
  if (ended_early || result.IsError()) {
    if (result.Code() == rapidjson::kParseErrorTermination) {
      throw Refusal{"invalid_event", "The event has too many values, or is nested too deep.", {}};
    }
    throw Refusal{"invalid_event", "We could not parse the event: it is not valid JSON.", {}};
  }
  if (!document_->IsObject()) {
    throw Refusal{"invalid_event",
                  fmt::format("Invalid event: expected an object, but got {} instead.", kind_of(*document_)),
                  {}};
  }
  return *document_;
}

// Field

void Field::refuse(std::string_view expected) const {
  throw Refusal{"invalid_type",
                fmt::format("Invalid type for '{}': expected {}, but got {} instead.", excerpt(path_), expected,
                            kind_of(*value_)),
                path_};
}

const Field& Field::object() const {
  if (!value_->IsObject()) refuse("an object");
  return *this;
}

const Field& Field::object(std::initializer_list<std::string_view> members) const {
  object();
  for (const auto& member : value_->GetObject()) {
    if (std::find(members.begin(), members.end(), view(member.name)) != members.end()) continue;
    const std::string unknown = member_path(path_, excerpt(view(member.name)));
    throw Refusal{"unknown_parameter", fmt::format("Unknown parameter: '{}'.", unknown), unknown};
  }
  return *this;
}

std::optional<Field> Field::find(std::string_view member) const {
  const Value name(rapidjson::StringRef(member.data(), member.size()));
  const auto found = value_->FindMember(name);
  if (found == value_->MemberEnd()) return std::nullopt;
  return Field(found->value, member_path(path_, member));
}

Field Field::require(std::string_view member) const {
  if (auto field = find(member)) return *std::move(field);
  const std::string missing = member_path(path_, member);
  throw Refusal{"missing_required_parameter", fmt::format("Missing required parameter: '{}'.", missing), missing};
}

std::size_t Field::array() const {
  if (!value_->IsArray()) refuse("an array");
  return value_->Size();
}

Field Field::at(std::size_t index) const {
  return {(*value_)[static_cast<rapidjson::SizeType>(index)], fmt::format("{}[{}]", path_, index)};
}

std::string_view Field::string() const {
  if (!value_->IsString()) refuse("a string");
  return view(*value_);
}

bool Field::boolean() const {
  if (!value_->IsBool()) refuse("a boolean");
  return value_->GetBool();
}

std::int64_t Field::integer(std::int64_t min, std::int64_t max) const {
  if (!value_->IsInt64()) refuse("an integer");
  const std::int64_t number = value_->GetInt64();
  if (number < min) {
    throw Refusal{"integer_below_min_value",
                  fmt::format("Invalid '{}': integer below minimum value. Expected a value >= {}, but got {} instead.",
                              path_, min, number),
                  path_};
  }
  if (number > max) {
    throw Refusal{"integer_above_max_value",
                  fmt::format("Invalid '{}': integer above maximum value. Expected a value <= {}, but got {} instead.",
                              path_, max, number),
                  path_};
  }
  return number;
}

double Field::number(double min, double max) const {
  if (!value_->IsNumber()) refuse("a decimal");
  const double number = value_->GetDouble();
  if (number < min) {
    throw Refusal{"decimal_below_min_value",
                  fmt::format("Invalid '{}': decimal below minimum value. Expected a value >= {}, but got {} instead.",
                              path_, min, number),
                  path_};
  }
  if (number > max) {
    throw Refusal{"decimal_above_max_value",
                  fmt::format("Invalid '{}': decimal above maximum value. Expected a value <= {}, but got {} instead.",
                              path_, max, number),
                  path_};
  }
  return number;
}

std::string_view Field::one_of(std::initializer_list<std::string_view> values) const {
  const std::string_view text = string();
  if (std::find(values.begin(), values.end(), text) != values.end()) return text;
  throw Refusal{"invalid_value",
                fmt::format("Invalid value: '{}'. Supported values are: {}.", excerpt(text), quoted_list(values)),
                path_};
}

std::string Field::json() const {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value_->Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

// Ids

std::string Ids::next(std::string_view prefix) {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string id(prefix);
  for (const int digits : {10, 11}) {
    std::uint64_t bits = random_();
    for (int i = 0; i < digits; ++i, bits /= kDigits.size()) id += kDigits[bits % kDigits.size()];
  }
  return id;
}

std::string Ids::obfuscation() {
  std::string text = next({});
  text.resize(1 + random_() % 16);
  return text;
}

// Json

void Json::separate() {
  if (separate_) out_ += ',';
  separate_ = true;
}

Json& Json::open(char bracket) {
  separate();
  out_ += bracket;
  separate_ = false;
  return *this;
}

Json& Json::close(char bracket) {
  out_ += bracket;
  separate_ = true;
  return *this;
}

Json& Json::key(std::string_view name) {
  text(name);
  out_ += ':';
  separate_ = false;
  return *this;
}

Json& Json::text(std::string_view value) {
  separate();
  out_ += '"';
  for (const char character : value) {
    switch (character) {
      case '"':
        out_ += "\\\"";
        break;
      case '\\':
        out_ += "\\\\";
        break;
      case '\n':
        out_ += "\\n";
        break;
      case '\r':
        out_ += "\\r";
        break;
      case '\t':
        out_ += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(character) < 0x20) {
          out_ += fmt::format("\\u{:04x}", static_cast<unsigned char>(character));
        } else {
          out_ += character;
        }
    }
  }
  out_ += '"';
  return *this;
}

Json& Json::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

Json& Json::integer(std::int64_t value) { return raw(fmt::format_int(value).c_str()); }

Json& Json::number(double value) { return raw(fmt::format("{}", value)); }

void begin_error(Json& json, const Refusal& refusal) {
  json.object().key("type").text("invalid_request_error");
  json.key("code").text_or_null(refusal.code);
  json.key("message").text(refusal.message);
  json.key("param").text_or_null(refusal.param);
}

}  // namespace soak::peers::openai

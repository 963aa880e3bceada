// SPDX-License-Identifier: Apache-2.0
#include "mesh/json.h"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <set>
#include <utility>

#include "mesh/problem.h"

namespace mesh {
namespace {

constexpr std::size_t kDepthMax = 32;
constexpr unsigned kFlags =
    rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag | rapidjson::kParseFullPrecisionFlag;

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; }

Problem invalid_json(const std::string& what) { return Problem(400, "invalid_json", what); }

// Where an object is in the source: from behind its name to behind its last character.
using Spans = std::map<std::string, std::pair<std::size_t, std::size_t>, std::less<>>;

// What a document may look like, checked before anything is built: depth, and names that occur twice. It notes where
// the objects in the outermost object are.
class Checker : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Checker> {
 public:
  Checker(const rapidjson::MemoryStream& source, Spans& spans) : source_(source), spans_(spans) {}

  bool Default() { return true; }
  bool String(const char* text, rapidjson::SizeType length, bool /*copy*/) {
    if (std::find(text, text + length, '\0') != text + length) {
      problem_ = "a string with U+0000";
      return false;
    }
    return true;
  }
  bool Key(const char* text, rapidjson::SizeType length, bool /*copy*/) {
    std::string name(text, length);
    if (!names_.back().insert(name).second) {
      problem_ = fmt::format("the name \"{}\" twice in an object", name.substr(0, 64));
      return false;
    }
    if (names_.size() == 1) {
      name_ = std::move(name);
      name_end_ = source_.Tell();
    }
    return true;
  }
  bool StartObject() { return deeper(); }
  bool StartArray() { return deeper(); }
  bool EndObject(rapidjson::SizeType /*members*/) {
    names_.pop_back();
    if (names_.size() == 1) {
      spans_[name_] = {name_end_, source_.Tell() + 1};  // The brace is taken after this call.
    }
    return true;
  }
  bool EndArray(rapidjson::SizeType /*elements*/) {
    names_.pop_back();
    return true;
  }

  const std::string& problem() const { return problem_; }

 private:
  bool deeper() {
    names_.emplace_back();
    if (names_.size() > kDepthMax) {
      problem_ = fmt::format("nested more than {} deep", kDepthMax);
      return false;
    }
    return true;
  }

  const rapidjson::MemoryStream& source_;
  Spans& spans_;
  std::vector<std::set<std::string>> names_;
  std::string name_;
  std::size_t name_end_ = 0;
  std::string problem_;
};

}  // namespace

struct JsonObject::Document {
  std::string source;
  rapidjson::Document values;
  Spans spans;
  std::set<std::string, std::less<>> asked;  // By whoever reads it, absent or not.

  // Null if absent.
  const rapidjson::Value* find(std::string_view name) {
    asked.emplace(name);
    const rapidjson::Value key(rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size())));
    const auto member = values.FindMember(key);
    return member == values.MemberEnd() ? nullptr : &member->value;
  }

  std::string string(std::string_view field, std::size_t bytes_min, std::size_t bytes_max, bool plain) {
    const rapidjson::Value* value = find(field);
    if (value == nullptr && bytes_min == 0) {
      return {};
    }
    const std::string expected =
        fmt::format("a string of {} to {} bytes{}", bytes_min, bytes_max, plain ? " without control characters" : "");
    if (value == nullptr || !value->IsString()) {
      throw Problem::field(field, expected);
    }
    std::string text(value->GetString(), value->GetStringLength());
    if (text.size() < bytes_min || text.size() > bytes_max ||
        (plain && std::any_of(text.begin(), text.end(), is_control))) {
      throw Problem::field(field, expected);
    }
    return text;
  }
};

JsonObject::JsonObject(std::string_view text) : document_(std::make_unique<Document>()) {
  document_->source = text;
  rapidjson::MemoryStream source(document_->source.data(), document_->source.size());
  Checker checker(source, document_->spans);
  rapidjson::Reader reader;
  const rapidjson::ParseResult checked = reader.Parse<kFlags>(source, checker);
  if (!checked && !checker.problem().empty()) {
    throw invalid_json(fmt::format("expected an object; it has {}", checker.problem()));
  }
  if (!checked) {
    throw invalid_json(fmt::format("expected JSON in UTF-8; at byte {}: {}", checked.Offset(),
                                   rapidjson::GetParseError_En(checked.Code())));
  }
  document_->values.Parse<kFlags>(document_->source.data(), document_->source.size());
  if (!document_->values.IsObject()) {
    throw invalid_json("expected a JSON object");
  }
}

JsonObject::~JsonObject() = default;
JsonObject::JsonObject(JsonObject&&) noexcept = default;
JsonObject& JsonObject::operator=(JsonObject&&) noexcept = default;

bool JsonObject::has(std::string_view name) const { return document_->find(name) != nullptr; }

std::string JsonObject::name(std::string_view field, std::size_t bytes_max) const {
  return document_->string(field, 1, bytes_max, true);
}
std::string JsonObject::text(std::string_view field, std::size_t bytes_max) const {
  return document_->string(field, 1, bytes_max, false);
}
std::string JsonObject::optional_name(std::string_view field, std::size_t bytes_max) const {
  return document_->string(field, 0, bytes_max, true);
}
std::string JsonObject::optional_text(std::string_view field, std::size_t bytes_max) const {
  return document_->string(field, 0, bytes_max, false);
}

std::int64_t JsonObject::integer(std::string_view field, std::int64_t min, std::int64_t max) const {
  const rapidjson::Value* value = document_->find(field);
  if (value == nullptr || !value->IsInt64() || value->GetInt64() < min || value->GetInt64() > max) {
    throw Problem::field(field, fmt::format("an integer from {} to {}", min, max));
  }
  return value->GetInt64();
}

std::optional<std::int64_t> JsonObject::optional_integer(std::string_view field, std::int64_t min,
                                                         std::int64_t max) const {
  return has(field) ? std::optional(integer(field, min, max)) : std::nullopt;
}

std::optional<double> JsonObject::optional_number(std::string_view field, double min, double max) const {
  const rapidjson::Value* value = document_->find(field);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (!value->IsNumber() || value->GetDouble() < min || value->GetDouble() > max) {
    throw Problem::field(field, fmt::format("a number from {} to {}", min, max));
  }
  return value->GetDouble();
}

bool JsonObject::boolean(std::string_view field) const {
  const rapidjson::Value* value = document_->find(field);
  if (value == nullptr || !value->IsBool()) {
    throw Problem::field(field, "true or false");
  }
  return value->GetBool();
}

std::vector<std::string> JsonObject::names(std::string_view field, std::size_t count_max, std::size_t bytes_max) const {
  const rapidjson::Value* value = document_->find(field);
  if (value == nullptr) {
    return {};
  }
  const auto wrong = [&] {
    return Problem::field(
        field, fmt::format("at most {} strings of 1 to {} bytes without control characters", count_max, bytes_max));
  };
  if (!value->IsArray() || value->Size() > count_max) {
    throw wrong();
  }
  std::vector<std::string> all;
  for (const rapidjson::Value& one : value->GetArray()) {
    if (!one.IsString()) {
      throw wrong();
    }
    std::string text(one.GetString(), one.GetStringLength());
    if (text.empty() || text.size() > bytes_max || std::any_of(text.begin(), text.end(), is_control)) {
      throw wrong();
    }
    all.push_back(std::move(text));
  }
  return all;
}

std::string JsonObject::object(std::string_view field, std::size_t bytes_max) const {
  const rapidjson::Value* value = document_->find(field);
  if (value == nullptr || !value->IsObject()) {
    throw Problem::field(field, fmt::format("an object of at most {} bytes", bytes_max));
  }
  const auto [begin, end] = document_->spans.find(field)->second;
  const std::string_view around = std::string_view(document_->source).substr(begin, end - begin);
  const std::string_view source = around.substr(around.find('{'));
  if (source.size() > bytes_max) {
    throw Problem(413, "too_large", fmt::format("{}: {} bytes, expected at most {}", field, source.size(), bytes_max));
  }
  return std::string(source);
}

std::string JsonObject::id(std::string_view field) const {
  const rapidjson::Value* value = document_->find(field);
  if (value == nullptr || !value->IsString() || !is_id({value->GetString(), value->GetStringLength()})) {
    throw Problem::field(field, "1 to 64 of A-Z a-z 0-9 . _ -");
  }
  return {value->GetString(), value->GetStringLength()};
}

std::string JsonObject::handle(std::string_view field) const {
  const rapidjson::Value* value = document_->find(field);
  if (value == nullptr || !value->IsString() || !is_handle({value->GetString(), value->GetStringLength()})) {
    throw Problem::field(field, "@ and 2 to 32 of a-z 0-9 -, beginning with a letter or digit");
  }
  return {value->GetString(), value->GetStringLength()};
}

void JsonObject::end() const {
  for (const auto& member : document_->values.GetObject()) {
    const std::string_view name(member.name.GetString(), member.name.GetStringLength());
    if (document_->asked.find(name) == document_->asked.end()) {
      throw Problem::field(name.substr(0, 64), "no such field");
    }
  }
}

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

bool is_handle(std::string_view text) {
  return text.size() >= 3 && text.size() <= 33 && text[0] == '@' && text[1] != '-' &&
         std::all_of(text.begin() + 1, text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

void JsonText::begin(std::string_view name) {
  if (!members_.empty()) {
    members_.push_back(',');
  }
  members_ += json_string(name);
  members_.push_back(':');
}

JsonText& JsonText::text(std::string_view name, std::string_view value) {
  begin(name);
  members_ += json_string(value);
  return *this;
}

JsonText& JsonText::integer(std::string_view name, std::int64_t value) {
  begin(name);
  members_ += std::to_string(value);
  return *this;
}

JsonText& JsonText::number(std::string_view name, double value) {
  begin(name);
  members_ += fmt::format("{}", value);
  return *this;
}

JsonText& JsonText::boolean(std::string_view name, bool value) {
  begin(name);
  members_ += value ? "true" : "false";
  return *this;
}

JsonText& JsonText::names(std::string_view name, const std::vector<std::string>& values) {
  std::vector<std::string> in_json;
  for (const std::string& value : values) {
    in_json.push_back(json_string(value));
  }
  return raw(name, json_array(in_json));
}

JsonText& JsonText::raw(std::string_view name, std::string_view json) {
  begin(name);
  members_ += json;
  return *this;
}

std::string json_string(std::string_view text) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(text.data() == nullptr ? "" : text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return {buffer.GetString(), buffer.GetSize()};
}

std::string json_array(const std::vector<std::string>& values_in_json) {
  std::string list = "[";
  for (const std::string& value : values_in_json) {
    if (list.size() > 1) {
      list.push_back(',');
    }
    list += value;
  }
  return list + "]";
}

std::string canonical_object(const std::map<std::string, std::string>& members) {
  JsonText text;
  for (const auto& [name, value] : members) {
    text.raw(name, value);
  }
  return text.object();
}

}  // namespace mesh

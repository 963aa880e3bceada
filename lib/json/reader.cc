// SPDX-License-Identifier: Apache-2.0
#include "lib/json/reader.h"

#include <rapidjson/error/en.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/json/text_stream.h"
#include "lib/text/utf8.h"

namespace soak::json {
namespace {

// In place, so that strings are not copied; iterative, so that depth costs no stack; with full precision, so that a
// number is the one that was written.
constexpr unsigned kFlags =
    rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag;

// Stands between RapidJSON's reader and the document, and stops what RapidJSON would let pass.
class Checked {
 public:
  using Ch = char;

  Checked(rapidjson::Document& next, Limits limits, bool has_escapes)
      : next_(next), limits_(limits), has_escapes_(has_escapes) {}

  // Why it stopped.
  const Failure& failure() const { return failure_; }

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
    return count() && check(text, size) && next_.String(text, size, copy);
  }
  bool Key(const char* text, rapidjson::SizeType size, bool copy) {
    return count() && check(text, size) && next_.Key(text, size, copy);
  }
  bool StartObject() { return enter() && next_.StartObject(); }
  bool EndObject(rapidjson::SizeType size) { return leave() && next_.EndObject(size); }
  bool StartArray() { return enter() && next_.StartArray(); }
  bool EndArray(rapidjson::SizeType size) { return leave() && next_.EndArray(size); }

 private:
  bool count() { return ++values_ <= limits_.values_max || stop(Failure::Kind::kTooMuch, "It has too many values."); }
  bool enter() {
    return (++depth_ <= limits_.depth_max || stop(Failure::Kind::kTooMuch, "It is nested too deep.")) && count();
  }
  bool leave() {
    --depth_;
    return true;
  }
  // The text was UTF-8, so only an escape can have put together what is not: RapidJSON takes a low surrogate alone.
  bool check(const char* text, rapidjson::SizeType size) {
    return !has_escapes_ || text::is_utf8({text, size}) ||
           stop(Failure::Kind::kSyntax, "A \\u escape is half of a surrogate pair.");
  }
  bool stop(Failure::Kind kind, const char* what) {
    failure_ = {kind, what, 0};
    return false;
  }

  rapidjson::Document& next_;
  Limits limits_;
  bool has_escapes_;
  std::size_t depth_ = 0;
  std::size_t values_ = 0;
  Failure failure_;
};

// The name of a member that another one before it has, too.
const Value* repeated_name(const Value& object) {
  constexpr rapidjson::SizeType kFew = 16;  // Up to here comparing each with each is the quickest.
  if (object.MemberCount() <= kFew) {
    for (auto later = object.MemberBegin(); later != object.MemberEnd(); ++later) {
      for (auto earlier = object.MemberBegin(); earlier != later; ++earlier) {
        if (view(earlier->name) == view(later->name)) {
          return &later->name;
        }
      }
    }
    return nullptr;
  }
  std::vector<const Value*> names;
  names.reserve(object.MemberCount());
  for (const auto& member : object.GetObject()) {
    names.push_back(&member.name);
  }
  // Of two with one name, which are side by side then, the one that stands later in the text comes later.
  std::sort(names.begin(), names.end(), [](const Value* a, const Value* b) {
    const int order = view(*a).compare(view(*b));
    return order != 0 ? order < 0 : a->GetString() < b->GetString();
  });
  const auto repeated = std::adjacent_find(names.begin(), names.end(),
                                           [](const Value* a, const Value* b) { return view(*a) == view(*b); });
  return repeated == names.end() ? nullptr : *std::next(repeated);
}

// The same in any object of `value`; recurses to the depth that was allowed.
const Value* find_repeated_name(const Value& value) {
  if (value.IsArray()) {
    for (const Value& element : value.GetArray()) {
      if (const Value* const found = find_repeated_name(element)) {
        return found;
      }
    }
  } else if (value.IsObject()) {
    if (const Value* const found = repeated_name(value)) {
      return found;
    }
    for (const auto& member : value.GetObject()) {
      if (const Value* const found = find_repeated_name(member.value)) {
        return found;
      }
    }
  }
  return nullptr;
}

}  // namespace

Reader::Reader(Limits limits)
    : limits_(limits),
      memory_(std::make_unique_for_overwrite<std::array<char, 16384>>()),
      pool_(memory_->data(), memory_->size()) {}

const Value* Reader::read(std::string& text) {
  document_.reset();
  pool_.Clear();
  failure_ = {};
  if (const std::size_t valid = text::valid_utf8_size(text); valid != text.size()) {
    failure_ = {Failure::Kind::kNotUtf8, "It is not UTF-8.", valid};
    return nullptr;
  }
  document_.emplace(&pool_);
  const bool has_escapes = text.find("\\u") != std::string::npos;  // Before they are put together.
  const auto parse = [&](rapidjson::Document& document) {
    TextStream stream(text);
    Checked checked(document, limits_, has_escapes);
    const rapidjson::ParseResult result = reader_.Parse<kFlags>(stream, checked);
    if (result.IsError()) {
      failure_ = checked.failure();
      if (result.Code() != rapidjson::kParseErrorTermination) {
        failure_ = {Failure::Kind::kSyntax, rapidjson::GetParseError_En(result.Code()), 0};
      }
      failure_.at = std::min(result.Offset(), text.size());
      return false;
    }
    if (!stream.at_end()) {  // RapidJSON takes a NUL character for the end.
      failure_ = {Failure::Kind::kSyntax, "A NUL character stands in it.", stream.Tell()};
      return false;
    }
    return true;
  };
  document_->Populate(parse);
  if (*failure_.what != '\0') {
    return nullptr;
  }
  if (const Value* const name = find_repeated_name(*document_)) {
    // Strings stand in the text.
    const auto at = static_cast<std::size_t>(name->GetString() - text.data());
    failure_ = {Failure::Kind::kDuplicateName, "An object has two members of one name.", at};
    return nullptr;
  }
  return &*document_;
}

Document::Document(std::string text, Limits limits)
    : text_(std::move(text)), reader_(limits), value_(reader_.read(text_)) {}

const Value& Document::value() const {
  static const Value kNull;
  return is_json() ? *value_ : kNull;
}

const Value* member(const Value& object, std::string_view name) {
  if (!object.IsObject()) {
    return nullptr;
  }
  const auto found = object.FindMember(Value(rapidjson::StringRef(name.data(), name.size())));
  return found == object.MemberEnd() ? nullptr : &found->value;
}

std::string_view text_member(const Value& object, std::string_view name) {
  const Value* const value = member(object, name);
  return value != nullptr && value->IsString() ? view(*value) : std::string_view{};
}

bool flag_member(const Value& object, std::string_view name) {
  const Value* const value = member(object, name);
  return value != nullptr && value->IsTrue();
}

std::optional<std::int64_t> integer_member(const Value& object, std::string_view name) {
  const Value* const value = member(object, name);
  return value != nullptr && value->IsInt64() ? std::optional(value->GetInt64()) : std::nullopt;
}

std::optional<double> number_member(const Value& object, std::string_view name) {
  const Value* const value = member(object, name);
  return value != nullptr && value->IsNumber() ? std::optional(value->GetDouble()) : std::nullopt;
}

}  // namespace soak::json

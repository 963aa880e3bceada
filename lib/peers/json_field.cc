// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/json_field.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/json/writer.h"
#include "lib/text/ascii.h"
#include "lib/text/number.h"
#include "lib/text/utf8.h"

namespace soak::peers {
namespace {

std::string member_path(const std::string& parent, std::string_view member) {
  return parent.empty() ? std::string(member) : fmt::format("{}.{}", parent, member);
}

// "turnComplete" as "turn_complete".
std::string snake_case(std::string_view member) {
  std::string name;
  for (const char character : member) {
    if (text::is_upper(character)) {
      name += '_';
    }
    name += text::to_lower(character);
  }
  return name;
}

std::optional<std::int64_t> integer_in(const Value& value, Spelling spelling) {
  if (value.IsInt64()) {
    return value.GetInt64();
  }
  if (spelling == Spelling::kExact || !value.IsString()) {
    return std::nullopt;
  }
  return text::parse_number<std::int64_t>(json::view(value));
}

}  // namespace

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

std::string excerpt(std::string_view text) {
  constexpr std::size_t kShown = 100;
  return std::string(text::first_bytes(text, kShown)) + (text.size() > kShown ? "..." : "");
}

void Field::refuse(std::string_view expected) const {
  throw Refusal{"invalid_type",
                fmt::format("Invalid type for '{}': expected {}, but got {} instead.", excerpt(path_), expected,
                            kind_of(*value_)),
                path_};
}

const Field& Field::object() const {
  if (!value_->IsObject()) {
    refuse("an object");
  }
  return *this;
}

const Field& Field::object(std::initializer_list<std::string_view> members) const {
  object();
  for (const auto& member : value_->GetObject()) {
    const auto is_this = [&](std::string_view known) { return is_spelt(member.name, known); };
    if (std::any_of(members.begin(), members.end(), is_this)) {
      continue;
    }
    const std::string unknown = member_path(path_, excerpt(view(member.name)));
    throw Refusal{"unknown_parameter", fmt::format("Unknown parameter: '{}'.", unknown), unknown};
  }
  return *this;
}

bool Field::is_spelt(const Value& name, std::string_view member) const {
  return view(name) == member || (spelling_ == Spelling::kProto && view(name) == snake_case(member));
}

std::optional<Field> Field::find(std::string_view member) const {
  const Value* found = json::member(*value_, member);
  if (spelling_ == Spelling::kProto) {
    if (found == nullptr) {
      found = json::member(*value_, snake_case(member));
    }
    if (found != nullptr && found->IsNull()) {
      return std::nullopt;
    }
  }
  if (found == nullptr) {
    return std::nullopt;
  }
  return Field(*found, member_path(path_, member), spelling_);
}

Field Field::require(std::string_view member) const {
  if (auto field = find(member)) {
    return *std::move(field);
  }
  const std::string missing = member_path(path_, member);
  throw Refusal{"missing_required_parameter", fmt::format("Missing required parameter: '{}'.", missing), missing};
}

std::size_t Field::array() const {
  if (!value_->IsArray()) {
    refuse("an array");
  }
  return value_->Size();
}

Field Field::at(std::size_t index) const {
  return {(*value_)[static_cast<rapidjson::SizeType>(index)], fmt::format("{}[{}]", path_, index), spelling_};
}

std::string_view Field::string() const {
  if (!value_->IsString()) {
    refuse("a string");
  }
  return view(*value_);
}

bool Field::boolean() const {
  if (!value_->IsBool()) {
    refuse("a boolean");
  }
  return value_->GetBool();
}

std::int64_t Field::integer(std::int64_t min, std::int64_t max) const {
  const std::optional<std::int64_t> read = integer_in(*value_, spelling_);
  if (!read) {
    refuse("an integer");
  }
  const std::int64_t number = *read;
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
  if (!value_->IsNumber()) {
    refuse("a decimal");
  }
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
  if (std::find(values.begin(), values.end(), text) != values.end()) {
    return text;
  }
  throw Refusal{"invalid_value",
                fmt::format("Invalid value: '{}'. Supported values are: {}.", excerpt(text), quoted_list(values)),
                path_};
}

std::string Field::json() const { return json::Writer().value(*value_).take(); }

}  // namespace soak::peers

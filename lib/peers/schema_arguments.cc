// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/schema_arguments.h"

#include <rapidjson/pointer.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "lib/json/reader.h"
#include "lib/json/writer.h"
#include "lib/peers/pattern_text.h"
#include "lib/text/ascii.h"
#include "lib/text/number.h"
#include "lib/text/percent.h"

namespace soak::peers {
namespace {

using json::member;
using json::Value;
using json::view;

constexpr int kOptionalDepth = 4;  // Deeper, only what is required is written: a schema may refer to itself.
constexpr int kDepthMax = 24;      // Deeper, one that requires itself has no valid value at all.
constexpr std::size_t kElementsMax = 64;
constexpr int kTries = 20;
constexpr int kWorkMax = 20'000;  // Of schemas that are looked at: one may refer to itself twice.
constexpr std::string_view kText = "A tone.";

// Also of a Schema of the Gemini API, whose integers are texts.
std::optional<double> number_in(const Value* value) {
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->IsNumber()) {
    return value->GetDouble();
  }
  return value->IsString() ? text::parse_decimal(view(*value)) : std::nullopt;
}

// A schema, with all that it refers to: keywords may stand in any of them.
class Parts {
 public:
  void add(const Value& schema) {
    if (schema.IsObject()) {
      parts_.push_back(&schema);
    }
  }
  bool empty() const { return parts_.empty(); }
  std::size_t size() const { return parts_.size(); }
  const Value& operator[](std::size_t index) const { return *parts_[index]; }

  // The first of that name; null if there is none.
  const Value* find(const char* keyword) const {
    for (const Value* const part : parts_) {
      if (const Value* const found = member(*part, keyword)) {
        return found;
      }
    }
    return nullptr;
  }
  std::optional<double> number(const char* keyword) const { return number_in(find(keyword)); }
  std::size_t count(const char* keyword, std::size_t otherwise) const {
    const auto found = number(keyword);
    return found && *found >= 0 ? static_cast<std::size_t>(std::min(*found, 1e6)) : otherwise;
  }

 private:
  std::vector<const Value*> parts_;
};

class Generator {
 public:
  Generator(const Value& root, Ids& ids) : root_(root), ids_(ids) {}

  std::string arguments() {
    json::Writer json;
    write_object(json, parts_of(root_), 0);
    return json.take();
  }

 private:
  Parts parts_of(const Value& schema) {
    Parts parts;
    collect(schema, parts, 0);
    return parts;
  }

  // With what it refers to, all of allOf, and one of anyOf and of oneOf.
  void collect(const Value& schema, Parts& parts, int depth) {
    if (depth > kDepthMax || !schema.IsObject() || ++work_ > kWorkMax) {
      return;
    }
    parts.add(schema);
    if (const Value* const target = referred(schema)) {
      collect(*target, parts, depth + 1);
    }
    if (const Value* const all = member(schema, "allOf"); all != nullptr && all->IsArray()) {
      for (const Value& one : all->GetArray()) {
        collect(one, parts, depth + 1);
      }
    }
    for (const char* const choice : {"anyOf", "oneOf"}) {
      if (const Value* const of = member(schema, choice); of != nullptr && of->IsArray() && !of->Empty()) {
        collect(chosen(*of), parts, depth + 1);
      }
    }
  }

  const Value* referred(const Value& schema) const {
    const Value* const reference = member(schema, "$ref");
    if (reference == nullptr || !reference->IsString() || !view(*reference).starts_with('#')) {
      return nullptr;
    }
    // Decoded here: as a fragment, RapidJSON refuses the "$" of "#/$defs/...", which RFC 3986 allows in one.
    const std::string text = text::percent_decode(view(*reference).substr(1));
    const rapidjson::Pointer pointer(text.data(), text.size());
    return pointer.IsValid() ? pointer.Get(root_) : nullptr;
  }

  // Null is the way to leave something out, and says the least.
  const Value& chosen(const Value& choices) {
    std::vector<const Value*> good;
    for (const Value& choice : choices.GetArray()) {
      const bool is_null = choice.IsNull() || json::text_member(choice, "type") == "null";
      if (!is_null) {
        good.push_back(&choice);
      }
    }
    return good.empty() ? choices[0] : *good[ids_.below(good.size())];
  }

  void write(json::Writer& json, const Value& schema, int depth) { write(json, parts_of(schema), depth); }

  void write(json::Writer& json, const Parts& parts, int depth) {
    if (const Value* const constant = parts.find("const")) {
      json.value(*constant);
      return;
    }
    if (const Value* const values = parts.find("enum"); values != nullptr && values->IsArray() && !values->Empty()) {
      json.value(chosen(*values));
      return;
    }
    const std::string type = depth > kDepthMax || ++work_ > kWorkMax ? "null" : type_of(parts);
    if (type == "object") {
      write_object(json, parts, depth);
    } else if (type == "array") {
      write_array(json, parts, depth);
    } else if (type == "integer" || type == "number") {
      write_number(json, parts, type == "integer");
    } else if (type == "boolean") {
      json.boolean(ids_.below(2) == 0);
    } else if (type == "null") {
      json.null();
    } else {
      json.text(string_for(parts));
    }
  }

  // In lower case; what a schema without one describes by its other keywords.
  std::string type_of(const Parts& parts) {
    std::vector<std::string> types;
    const auto add = [&types](const Value& name) {
      std::string lower = text::to_lower(name.IsString() ? view(name) : std::string_view());
      if (!lower.empty() && lower != "null" && lower != "type_unspecified") {
        types.push_back(std::move(lower));
      }
    };
    const Value* const type = parts.find("type");
    if (type != nullptr && type->IsArray()) {
      for (const Value& one : type->GetArray()) {
        add(one);
      }
    } else if (type != nullptr) {
      add(*type);
    }
    if (!types.empty()) {
      return types[ids_.below(types.size())];
    }
    if (type != nullptr) {
      return "null";
    }
    for (const auto& [keyword, implied] :
         {std::pair{"properties", "object"}, std::pair{"required", "object"},
          std::pair{"additionalProperties", "object"}, std::pair{"items", "array"}, std::pair{"prefixItems", "array"},
          std::pair{"minItems", "array"}, std::pair{"minimum", "number"}, std::pair{"maximum", "number"},
          std::pair{"exclusiveMinimum", "number"}, std::pair{"exclusiveMaximum", "number"},
          std::pair{"multipleOf", "number"}}) {
      if (parts.find(keyword) != nullptr) {
        return implied;
      }
    }
    return "string";
  }

  struct Property {
    std::string_view name;
    Parts schema;
    bool required = false;
  };

  // The declared ones in their order, then those that are only required.
  std::vector<Property> properties_of(const Parts& parts) {
    std::vector<Property> properties;
    const auto find = [&properties](std::string_view name) {
      return std::find_if(properties.begin(), properties.end(), [&](const Property& one) { return one.name == name; });
    };
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const Value* const declared = member(parts[i], "properties");
      if (declared == nullptr || !declared->IsObject()) {
        continue;
      }
      for (const auto& one : declared->GetObject()) {
        auto property = find(view(one.name));
        if (property == properties.end()) {
          property = properties.insert(properties.end(), {view(one.name), {}, false});
        }
        collect(one.value, property->schema, 0);
      }
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const Value* const required = member(parts[i], "required");
      if (required == nullptr || !required->IsArray()) {
        continue;
      }
      for (const Value& name : required->GetArray()) {
        if (!name.IsString()) {
          continue;
        }
        auto property = find(view(name));
        if (property == properties.end()) {
          property = properties.insert(properties.end(), {view(name), {}, false});
          if (const Value* const others = parts.find("additionalProperties")) {
            collect(*others, property->schema, 0);
          }
        }
        property->required = true;
      }
    }
    return properties;
  }

  void write_object(json::Writer& json, const Parts& parts, int depth) {
    const std::vector<Property> properties = properties_of(parts);
    std::size_t optional_needed = parts.count("minProperties", 0);
    const std::size_t most = parts.count("maxProperties", kElementsMax);
    std::size_t written = 0;
    for (const Property& property : properties) {
      written += property.required ? 1 : 0;
    }
    optional_needed -= std::min(optional_needed, written);
    json.object();
    for (const Property& property : properties) {
      bool there = property.required;
      if (!there && written < most) {
        there = optional_needed > 0 || (depth < kOptionalDepth && ids_.below(2) == 0);
        written += there ? 1 : 0;
        optional_needed -= there && optional_needed > 0 ? 1 : 0;
      }
      if (there) {
        write(json.key(property.name), property.schema, depth + 1);
      }
    }
    write_others(json, parts, depth, properties.empty() ? std::max<std::size_t>(optional_needed, 1) : optional_needed,
                 most - std::min(most, written));
    json.end_object();
  }

  // Properties of any name, where the schema declares what they are, as of a map.
  void write_others(json::Writer& json, const Parts& parts, int depth, std::size_t wanted, std::size_t most) {
    const Value* const others = parts.find("additionalProperties");
    const bool declared = others != nullptr && others->IsObject();
    const bool needed = parts.count("minProperties", 0) > 0 && !(others != nullptr && others->IsFalse());
    if ((!declared || depth >= kOptionalDepth) && !needed) {
      return;
    }
    const Value* const names = parts.find("propertyNames");
    for (std::size_t i = 0; i < std::min(wanted, most); ++i) {
      const std::string name = "name_" + std::to_string(i + 1);
      std::string valid = names != nullptr && names->IsObject() ? string_for(parts_of(*names)) : name;
      json.key(valid == kText ? name : valid);
      declared ? write(json, *others, depth + 1) : static_cast<void>(json.text(kText));
    }
  }

  void write_array(json::Writer& json, const Parts& parts, int depth) {
    const Value* const items = parts.find("items");
    const Value* prefix = parts.find("prefixItems");
    if (prefix == nullptr && items != nullptr && items->IsArray()) {
      prefix = items;  // Until draft 2019-09.
    }
    const std::size_t fixed = prefix != nullptr && prefix->IsArray() ? prefix->Size() : 0;
    const std::size_t least = std::max(std::min(parts.count("minItems", 0), kElementsMax), fixed);
    std::size_t most = std::max(std::min(parts.count("maxItems", std::max(least, fixed) + 2), least + 2), least);
    if (depth >= kOptionalDepth || (items != nullptr && items->IsFalse())) {
      most = least;
    }
    std::size_t size = least + ids_.below(most - least + 1);
    if (size == 0 && most > 0) {
      size = 1;  // An empty one shows nothing of what its elements are.
    }
    const Value* const unique = parts.find("uniqueItems");
    std::vector<std::string> seen;
    json.array();
    for (std::size_t i = 0; i < size; ++i) {
      std::string element;
      for (int tries = 0; tries < kTries; ++tries) {
        json::Writer one;
        if (i < fixed) {
          write(one, (*prefix)[static_cast<rapidjson::SizeType>(i)], depth + 1);
        } else if (items != nullptr && items->IsObject()) {
          write(one, *items, depth + 1);
        } else {
          one.text(kText);
        }
        element = one.take();
        const bool again =
            unique != nullptr && unique->IsTrue() && std::find(seen.begin(), seen.end(), element) != seen.end();
        if (!again) {
          break;
        }
        element.clear();
      }
      if (element.empty()) {
        break;  // There are no more that differ.
      }
      seen.push_back(element);
      json.raw(element);
    }
    json.end_array();
  }

  void write_number(json::Writer& json, const Parts& parts, bool integer) {
    std::optional<double> low = parts.number("minimum");
    std::optional<double> high = parts.number("maximum");
    bool above = false;
    bool below = false;
    // A number since draft 6, and a flag of the bound before.
    const auto exclude = [&parts](const char* keyword, std::optional<double>& bound, bool& excluded, bool upper) {
      const Value* const exclusive = parts.find(keyword);
      if (exclusive == nullptr) {
        return;
      }
      if (exclusive->IsBool()) {
        excluded = exclusive->GetBool();
        return;
      }
      const auto number = number_in(exclusive);
      if (number && (!bound || (upper ? *number <= *bound : *number >= *bound))) {
        bound = number;
        excluded = true;
      }
    };
    exclude("exclusiveMinimum", low, above, false);
    exclude("exclusiveMaximum", high, below, true);
    const double step = std::max(parts.number("multipleOf").value_or(integer ? 1.0 : 0.0), 0.0);
    const double unit = step > 0 ? (integer ? std::max(std::ceil(step), 1.0) : step) : 1.0;
    constexpr double kSpan = 100;
    if (!low) {
      low = high && *high < 0 ? *high - kSpan * unit : std::min(0.0, high.value_or(0));
    }
    if (!high) {
      high = std::max(*low, 0.0) + kSpan * unit;
    }
    // In units, the first and the last that may be.
    double first = std::ceil(*low / unit);
    double last = std::floor(*high / unit);
    first += above && first * unit <= *low ? 1 : 0;
    last -= below && last * unit >= *high ? 1 : 0;
    if (first <= last) {
      const double count = std::min(last - first + 1, 1e9);
      const double value = (first + static_cast<double>(ids_.below(static_cast<std::uint64_t>(count)))) * unit;
      const bool whole = std::floor(value) == value && std::abs(value) < 9e15;
      whole ? json.integer(static_cast<std::int64_t>(value)) : json.number(value);
      return;
    }
    json.number((*low + *high) / 2);  // Between two whole numbers.
  }

  std::string string_for(const Parts& parts) {
    const std::size_t least = std::min(parts.count("minLength", 0), std::size_t{4096});
    const std::size_t most = parts.count("maxLength", std::size_t{1} << 20);
    if (const Value* const pattern = parts.find("pattern"); pattern != nullptr && pattern->IsString()) {
      std::optional<std::string> fits;
      for (int tries = 0; tries < kTries; ++tries) {
        std::optional<std::string> drawn = text_matching(view(*pattern), ids_);
        const bool right = drawn && drawn->size() >= least && drawn->size() <= most;
        if (!fits || right) {
          fits = std::move(drawn);
        }
        if (right) {
          break;
        }
      }
      if (fits) {
        return *fits;
      }
    }
    if (const Value* const format = parts.find("format"); format != nullptr && format->IsString()) {
      if (std::string text = of_format(view(*format)); !text.empty()) {
        return text;
      }
    }
    std::string text(kText);
    while (text.size() < least) {
      text += " A tone.";
    }
    return text.substr(0, most);
  }

  std::string digits(int count) {
    std::string drawn;
    for (int i = 0; i < count; ++i) {
      drawn += static_cast<char>('0' + ids_.below(10));
    }
    return drawn;
  }

  std::string of_format(std::string_view format) {
    const auto two = [this](std::uint64_t least, std::uint64_t count) {
      const std::string number = std::to_string(least + ids_.below(count));
      return number.size() < 2 ? "0" + number : number;
    };
    const auto date = [&] { return "20" + two(24, 6) + "-" + two(1, 12) + "-" + two(1, 28); };
    const auto daytime = [&] { return two(0, 24) + ":" + two(0, 60) + ":" + two(0, 60) + "Z"; };
    if (format == "date-time") {
      const std::string day = date();
      return day + "T" + daytime();
    }
    if (format == "date") {
      return date();
    }
    if (format == "time") {
      return daytime();
    }
    if (format == "duration") {
      return "PT" + std::to_string(1 + ids_.below(59)) + "M";
    }
    if (format == "email" || format == "idn-email") {
      return "user" + digits(3) + "@example.com";
    }
    if (format == "uri" || format == "url" || format == "iri" || format == "uri-reference") {
      return "https://example.com/" + digits(4);
    }
    if (format == "hostname") {
      return "host" + digits(3) + ".example.com";
    }
    if (format == "ipv4") {
      return "192.0.2." + std::to_string(1 + ids_.below(254));
    }
    if (format == "ipv6") {
      return "2001:db8::" + std::to_string(1 + ids_.below(9));
    }
    if (format == "uuid") {
      return digits(8) + "-" + digits(4) + "-4" + digits(3) + "-8" + digits(3) + "-" + digits(12);
    }
    return {};
  }

  const Value& root_;
  Ids& ids_;
  int work_ = 0;
};

}  // namespace

std::string arguments_for(std::string_view schema, Ids& ids) {
  const json::Document document{std::string(schema)};
  return document.is_object() ? Generator(document.value(), ids).arguments() : std::string("{}");
}

}  // namespace soak::peers

// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/slack/blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <set>

#include "lib/json/writer.h"
#include "lib/text/utf8.h"

namespace soak::peers {
namespace {

constexpr std::size_t kBlocksMax = 50;
constexpr std::size_t kIdMax = 255;

enum class Kind : std::uint8_t {
  kText,       // An object with a type and a text: plain_text or mrkdwn.
  kPlainText,  // Likewise, plain_text alone.
  kString,
  kArray,
  kObject,
};

// A member of a block, and how long it may be: characters of a text, items of an array.
struct Member {
  std::string_view name;
  Kind kind;
  bool is_required;
  std::size_t max;
};

struct Block {
  std::string_view type;
  Member members[4];  // Those without a name are none.
};
constexpr Block kBlocks[] = {
    {"actions", {{"elements", Kind::kArray, true, 25}}},
    {"call", {{"call_id", Kind::kString, true, kIdMax}}},
    {"context", {{"elements", Kind::kArray, true, 10}}},
    {"context_actions", {{"elements", Kind::kArray, true, 5}}},
    {"divider", {}},
    {"file", {{"external_id", Kind::kString, true, kIdMax}, {"source", Kind::kString, true, kIdMax}}},
    {"header", {{"text", Kind::kPlainText, true, 150}}},
    {"image",
     {{"alt_text", Kind::kString, true, 2000},
      {"image_url", Kind::kString, false, 3000},
      {"title", Kind::kPlainText, false, 2000}}},
    {"input",
     {{"label", Kind::kPlainText, true, 2000},
      {"element", Kind::kObject, true, 0},
      {"hint", Kind::kPlainText, false, 2000}}},
    {"markdown", {{"text", Kind::kString, true, 12000}}},
    {"rich_text", {{"elements", Kind::kArray, true, 0}}},
    {"section",
     {{"text", Kind::kText, false, 3000}, {"fields", Kind::kArray, false, 10}, {"accessory", Kind::kObject, false, 0}}},
    {"table", {{"rows", Kind::kArray, true, 100}}},
    {"video",
     {{"alt_text", Kind::kString, true, 2000},
      {"title", Kind::kPlainText, true, 200},
      {"thumbnail_url", Kind::kString, true, 3000},
      {"video_url", Kind::kString, true, 3000}}},
};

// Where an element may stand (docs.slack.dev/reference/block-kit/block-elements).
enum Place : unsigned { kInActions = 1, kInContext = 2, kAccessory = 4, kInInput = 8 };
constexpr unsigned kChoice = kInActions | kAccessory | kInInput;

struct Element {
  std::string_view type;
  unsigned places;
  Member members[3];
};
constexpr Element kElements[] = {
    {"button",
     kInActions | kAccessory,
     {{"text", Kind::kPlainText, true, 75},
      {"value", Kind::kString, false, 2000},
      {"url", Kind::kString, false, 3000}}},
    {"channels_select", kChoice, {}},
    {"checkboxes", kChoice, {{"options", Kind::kArray, true, 10}}},
    {"conversations_select", kChoice, {}},
    {"datepicker", kChoice, {}},
    {"datetimepicker", kInActions | kInInput, {}},
    {"email_text_input", kInInput, {}},
    {"external_select", kChoice, {}},
    {"file_input", kInInput, {}},
    {"image",
     kInContext | kAccessory,
     {{"alt_text", Kind::kString, true, 2000}, {"image_url", Kind::kString, false, 3000}}},
    {"mrkdwn", kInContext, {{"text", Kind::kString, true, 3000}}},
    {"multi_channels_select", kChoice, {}},
    {"multi_conversations_select", kChoice, {}},
    {"multi_external_select", kChoice, {}},
    {"multi_static_select", kChoice, {{"options", Kind::kArray, false, 100}}},
    {"multi_users_select", kChoice, {}},
    {"number_input", kInInput, {}},
    {"overflow", kInActions | kAccessory, {{"options", Kind::kArray, true, 5}}},
    {"plain_text", kInContext, {{"text", Kind::kString, true, 3000}}},
    {"plain_text_input", kInInput, {{"placeholder", Kind::kPlainText, false, 150}}},
    {"radio_buttons", kChoice, {{"options", Kind::kArray, true, 10}}},
    {"rich_text_input", kInInput, {}},
    {"static_select", kChoice, {{"options", Kind::kArray, false, 100}, {"placeholder", Kind::kPlainText, false, 150}}},
    {"timepicker", kChoice, {}},
    {"url_text_input", kInInput, {}},
    {"users_select", kChoice, {}},
    {"workflow_button", kInActions | kAccessory, {{"text", Kind::kPlainText, true, 75}}},
};

class Checker {
 public:
  std::vector<std::string> take() { return std::move(errors_); }

  void add(std::string_view what, std::string_view where) {
    errors_.push_back(fmt::format("{} [json-pointer:{}]", what, where));
  }

  void check_block(const json::Value& block, const std::string& at) {
    if (!check_row(
            kBlocks, [](const Block&) { return true; }, block, at)) {
      return;
    }
    const std::string_view type = json::text_member(block, "type");
    if (type == "section" && json::member(block, "text") == nullptr && json::member(block, "fields") == nullptr) {
      add("missing required field: text", at);
    }
    if (type == "section") {
      check_fields(block, at + "/fields");
      check_element_member(block, "accessory", kAccessory, at);
    } else if (type == "input") {
      check_element_member(block, "element", kInInput, at);
    } else if (type == "actions") {
      check_elements(block, kInActions, at + "/elements");
    } else if (type == "context") {
      check_elements(block, kInContext, at + "/elements");
    }
    check_image(block, type, at);
    check_id(block, at + "/block_id");
  }

 private:
  void check_member(const json::Value& block, const Member& member, const std::string& at) {
    const json::Value* const value = json::member(block, member.name);
    if (value == nullptr || value->IsNull()) {
      if (member.is_required) {
        add(fmt::format("missing required field: {}", member.name), at.substr(0, at.rfind('/')));
      }
      return;
    }
    switch (member.kind) {
      case Kind::kText:
      case Kind::kPlainText:
        check_text(*value, member.kind == Kind::kPlainText, member.max, at);
        return;
      case Kind::kString:
        if (!value->IsString()) {
          add("must provide a string", at);
          return;
        }
        check_length(json::view(*value), member.max, at);
        return;
      case Kind::kArray:
        if (!value->IsArray()) {
          add("must provide an array", at);
        } else if (value->Empty()) {
          add("no fewer than 1 items allowed", at);
        } else if (member.max > 0 && value->Size() > member.max) {
          add(fmt::format("no more than {} items allowed", member.max), at);
        }
        return;
      case Kind::kObject:
        if (!value->IsObject()) {
          add("must provide an object", at);
        }
        return;
    }
  }

  void check_text(const json::Value& text, bool is_plain, std::size_t max, const std::string& at) {
    if (!text.IsObject()) {
      add("must provide an object", at);
      return;
    }
    const std::string_view type = json::text_member(text, "type");
    if (type.empty()) {
      add("missing required field: type", at);
    } else if (type != "plain_text" && (is_plain || type != "mrkdwn")) {
      add(fmt::format("unsupported type: {}", type), at + "/type");
    }
    const json::Value* const value = json::member(text, "text");
    if (value == nullptr) {
      add("missing required field: text", at);
    } else if (!value->IsString()) {
      add("must provide a string", at + "/text");
    } else {
      check_length(json::view(*value), max, at + "/text");
    }
  }

  void check_fields(const json::Value& block, const std::string& at) {
    constexpr std::size_t kFieldMax = 2000;
    const json::Value* const fields = json::member(block, "fields");
    for (rapidjson::SizeType i = 0; fields != nullptr && fields->IsArray() && i < fields->Size(); ++i) {
      check_text((*fields)[i], false, kFieldMax, fmt::format("{}/{}", at, i));
    }
  }

  // A block, or an element.
  void check_image(const json::Value& image, std::string_view type, const std::string& at) {
    if (type == "image" && json::member(image, "image_url") == nullptr &&
        json::member(image, "slack_file") == nullptr) {
      add("missing required field: image_url", at);
    }
  }

  // Checks the members of an object by the row of its type. False if none of those that fit has that type.
  template <typename Row, std::size_t kRows, typename Fits>
  bool check_row(const Row (&rows)[kRows], const Fits& fits, const json::Value& object, const std::string& at) {
    if (!object.IsObject()) {
      add("must provide an object", at);
      return false;
    }
    const std::string_view type = json::text_member(object, "type");
    const Row* const known =
        std::find_if(std::begin(rows), std::end(rows), [&](const Row& row) { return row.type == type && fits(row); });
    if (type.empty()) {
      add("missing required field: type", at);
      return false;
    }
    if (known == std::end(rows)) {
      add(fmt::format("unsupported type: {}", type), at + "/type");
      return false;
    }
    for (const Member& member : known->members) {
      if (!member.name.empty()) {
        check_member(object, member, fmt::format("{}/{}", at, member.name));
      }
    }
    return true;
  }

  void check_elements(const json::Value& block, Place place, const std::string& at) {
    const json::Value* const elements = json::member(block, "elements");
    for (rapidjson::SizeType i = 0; elements != nullptr && elements->IsArray() && i < elements->Size(); ++i) {
      check_element((*elements)[i], place, fmt::format("{}/{}", at, i));
    }
  }

  void check_element_member(const json::Value& block, std::string_view name, Place place, const std::string& at) {
    if (const json::Value* const element = json::member(block, name); element != nullptr && element->IsObject()) {
      check_element(*element, place, fmt::format("{}/{}", at, name));
    }
  }

  void check_element(const json::Value& element, Place place, const std::string& at) {
    if (!check_row(
            kElements, [place](const Element& row) { return (row.places & place) != 0; }, element, at)) {
      return;
    }
    const std::string_view type = json::text_member(element, "type");
    check_image(element, type, at);
    if ((type == "static_select" || type == "multi_static_select") && json::member(element, "options") == nullptr &&
        json::member(element, "option_groups") == nullptr) {
      add("missing required field: options", at);
    }
    if (const std::string_view style = json::text_member(element, "style");
        type == "button" && !style.empty() && style != "primary" && style != "danger") {
      add("must be a valid enum value", at + "/style");
    }
  }

  void check_length(std::string_view text, std::size_t max, const std::string& at) {
    const std::optional<text::Utf8Length> length = text::utf8_length(text);
    if (text.empty()) {
      add("must be more than 0 characters", at);
    } else if (length && length->characters > max) {
      add(fmt::format("must be less than {} characters", max + 1), at);
    }
  }

  void check_id(const json::Value& block, const std::string& at) {
    const std::string id(json::text_member(block, "block_id"));
    if (id.empty()) {
      return;
    }
    check_length(id, kIdMax, at);
    if (!ids_.insert(id).second) {
      add(fmt::format("block_id {} already exists", id), at);
    }
  }

  std::vector<std::string> errors_;
  std::set<std::string> ids_;
};

}  // namespace

SlackBlocks read_blocks(const json::Value& list, std::string_view id_prefix) {
  Checker checker;
  if (list.Size() > kBlocksMax) {
    checker.add(fmt::format("no more than {} items allowed", kBlocksMax), "/blocks");
  }
  json::Writer json;
  json.array();
  for (rapidjson::SizeType i = 0; i < list.Size(); ++i) {
    const json::Value& block = list[i];
    checker.check_block(block, fmt::format("/blocks/{}", i));
    if (!block.IsObject()) {
      continue;
    }
    json.object();
    for (const auto& member : block.GetObject()) {
      json.key(json::view(member.name)).value(member.value);
    }
    if (json::member(block, "block_id") == nullptr) {
      json.key("block_id").text(fmt::format("{}{}", id_prefix, i));
    }
    json.end_object();
  }
  json.end_array();
  return {json.take(), checker.take()};
}

}  // namespace soak::peers

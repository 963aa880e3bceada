// SPDX-License-Identifier: Apache-2.0
#include "mesh/archive/codec.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/json.h"
#include "mesh/problem.h"

namespace mesh {

namespace {

// What is stored was checked when it came.
constexpr std::size_t kAnyLength = std::numeric_limits<std::size_t>::max();

std::int64_t number(const JsonObject& object, std::string_view field) {
  return object.integer(field, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
}

std::uint64_t revision_of(const JsonObject& object) {
  return static_cast<std::uint64_t>(object.integer("revision", 0, std::numeric_limits<std::int64_t>::max()));
}

void put_revision(JsonText& json, std::uint64_t revision) {
  json.integer("revision", static_cast<std::int64_t>(revision));
}

std::string text(const JsonObject& object, std::string_view field) { return object.optional_text(field, kAnyLength); }

std::vector<std::string> texts(const JsonObject& object, std::string_view field) {
  return object.names(field, kAnyLength, kAnyLength);
}

}  // namespace

JsonText json_of(const Workspace& workspace) {
  JsonText json;
  json.text("id", workspace.id).text("title", workspace.title).text("owner", workspace.owner);
  json.names("members", workspace.members).integer("at", workspace.at);
  return json;
}

Workspace decode_workspace(std::string_view json) {
  const JsonObject object(json);
  return {text(object, "id"), text(object, "title"), text(object, "owner"), texts(object, "members"),
          number(object, "at")};
}

JsonText json_of(const Item& item) {
  JsonText json;
  json.text("id", item.id).text("workspace", item.workspace).text("type", to_string(item.type));
  json.text("status", item.status).text("author", item.author);
  if (item.type == ItemType::kTask) {
    json.text("assignee", item.assignee).text("claimer", item.claimer);
  }
  json.integer("at", item.at).integer("changed", item.changed).text("text", item.text).names("affects", item.affects);
  if (item.confidence) {
    json.number("confidence", *item.confidence);
  }
  json.names("supports", item.supports).names("tags", item.tags);
  put_revision(json, item.revision);
  return json;
}

Item decode_item(std::string_view json) {
  const JsonObject object(json);
  const std::optional<ItemType> type = item_type_named(text(object, "type"));
  if (!type) {
    throw Problem::field("type", item_type_names());
  }
  Item item;
  item.id = text(object, "id");
  item.workspace = text(object, "workspace");
  item.type = *type;
  item.status = text(object, "status");
  item.author = text(object, "author");
  item.assignee = text(object, "assignee");
  item.claimer = text(object, "claimer");
  item.text = text(object, "text");
  item.confidence = object.optional_number("confidence", 0, 1);
  item.supports = texts(object, "supports");
  item.affects = texts(object, "affects");
  item.tags = texts(object, "tags");
  item.at = number(object, "at");
  item.changed = number(object, "changed");
  item.revision = revision_of(object);
  return item;
}

JsonText json_of(const Memory& memory) {
  JsonText json;
  json.text("id", memory.id).text("author", memory.author).text("subject", memory.subject).text("text", memory.text);
  if (memory.confidence) {
    json.number("confidence", *memory.confidence);
  }
  json.names("tags", memory.tags).names("supports", memory.supports).integer("at", memory.at);
  put_revision(json, memory.revision);
  return json;
}

Memory decode_memory(std::string_view json) {
  const JsonObject object(json);
  Memory memory;
  memory.id = text(object, "id");
  memory.author = text(object, "author");
  memory.subject = text(object, "subject");
  memory.text = text(object, "text");
  memory.confidence = object.optional_number("confidence", 0, 1);
  memory.tags = texts(object, "tags");
  memory.supports = texts(object, "supports");
  memory.revision = revision_of(object);
  memory.at = number(object, "at");
  return memory;
}

JsonText json_of(const Publication& publication) {
  JsonText json;
  json.text("id", publication.id).text("author", publication.author).text("title", publication.title);
  json.text("text", publication.text).names("supports", publication.supports).names("tags", publication.tags);
  json.text("status", publication.status).text("reviewer", publication.reviewer);
  json.text("review_id", publication.review_id).text("review_text", publication.review_text);
  json.integer("at", publication.at).integer("decided", publication.decided);
  put_revision(json, publication.revision);
  return json;
}

Publication decode_publication(std::string_view json) {
  const JsonObject object(json);
  Publication publication;
  publication.id = text(object, "id");
  publication.author = text(object, "author");
  publication.title = text(object, "title");
  publication.text = text(object, "text");
  publication.supports = texts(object, "supports");
  publication.tags = texts(object, "tags");
  publication.status = text(object, "status");
  publication.reviewer = text(object, "reviewer");
  publication.review_id = text(object, "review_id");
  publication.review_text = text(object, "review_text");
  publication.at = number(object, "at");
  publication.decided = number(object, "decided");
  publication.revision = revision_of(object);
  return publication;
}

}  // namespace mesh

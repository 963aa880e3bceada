// SPDX-License-Identifier: Apache-2.0
#include "mesh/archive/items.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/problem.h"

namespace mesh {

namespace {

struct Step {
  std::string_view from;
  std::vector<std::string> to;
};

struct Form {
  ItemType type;
  std::string_view name;
  std::vector<std::string> begins;
  std::vector<Step> steps;
};

const std::array<Form, 6>& forms() {
  static const std::array<Form, 6> all = {{
      {ItemType::kTask, "task", {"open"}, {{"open", {"claimed"}}, {"claimed", {"completed", "failed", "open"}}}},
      {ItemType::kHypothesis, "hypothesis", {"open"}, {{"open", {"supported", "refuted"}}}},
      {ItemType::kEvidencePack, "evidence_pack", {"submitted"}, {}},
      {ItemType::kReview, "review", {"approve", "reject"}, {}},
      {ItemType::kDecision, "decision", {"proposed"}, {{"proposed", {"adopted", "rejected"}}}},
      {ItemType::kPromotionCandidate, "promotion_candidate", {"pending"}, {{"pending", {"promoted", "rejected"}}}},
  }};
  return all;
}

const Form& form_of(ItemType type) { return forms().at(static_cast<std::size_t>(type)); }

bool is_id_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

}  // namespace

std::string_view to_string(ItemType type) { return form_of(type).name; }

std::optional<ItemType> item_type_named(std::string_view name) {
  for (const Form& form : forms()) {
    if (form.name == name) {
      return form.type;
    }
  }
  return std::nullopt;
}

std::string item_type_names() {
  std::vector<std::string_view> names;
  for (const Form& form : forms()) {
    names.push_back(form.name);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

const std::vector<std::string>& initial_states(ItemType type) { return form_of(type).begins; }

const std::vector<std::string>& next_states(ItemType type, std::string_view status) {
  static const std::vector<std::string> none;
  for (const Step& step : form_of(type).steps) {
    if (step.from == status) {
      return step.to;
    }
  }
  return none;
}

bool is_final(ItemType type, std::string_view status) { return next_states(type, status).empty(); }

bool same_content(const Item& one, const Item& other) {
  return one.id == other.id && one.workspace == other.workspace && one.type == other.type &&
         one.author == other.author && one.assignee == other.assignee && one.text == other.text &&
         one.confidence == other.confidence && one.supports == other.supports && one.affects == other.affects &&
         one.tags == other.tags && (one.type != ItemType::kReview || one.status == other.status);
}

void check_id(std::string_view field, std::string_view id) {
  if (id.empty() || id.size() > kIdBytesMax || !std::all_of(id.begin(), id.end(), is_id_byte)) {
    throw Problem::field(field, fmt::format("1 to {} characters of A-Z a-z 0-9 . _ -", kIdBytesMax));
  }
}

void check_text(std::string_view field, std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    throw Problem::field(field, fmt::format("at most {} bytes, got {}", bytes_max, text.size()));
  }
}

void check_entries(std::string_view field, const std::vector<std::string>& entries) {
  if (entries.size() > kEntriesMax) {
    throw Problem::field(field, fmt::format("at most {} entries, got {}", kEntriesMax, entries.size()));
  }
  for (const std::string& entry : entries) {
    if (entry.empty()) {
      throw Problem(400, "invalid_field", fmt::format("{}: an entry is empty", field));
    }
    check_text(field, entry, kEntryBytesMax);
  }
}

void check_confidence(std::optional<double> confidence) {
  if (confidence && !(*confidence >= 0 && *confidence <= 1)) {
    throw Problem::field("confidence", fmt::format("0 to 1, got {}", *confidence));
  }
}

void check(const Item& item) {
  check_id("id", item.id);
  check_id("workspace", item.workspace);
  if (item.text.empty() && item.type != ItemType::kReview) {
    throw Problem::field("text", "a text, got an empty one");
  }
  check_text("text", item.text, kTextBytesMax);
  check_confidence(item.confidence);
  check_entries("supports", item.supports);
  check_entries("affects", item.affects);
  check_entries("tags", item.tags);
  const std::vector<std::string>& begins = initial_states(item.type);
  if (std::find(begins.begin(), begins.end(), item.status) == begins.end()) {
    throw Problem(400, "invalid_field",
                  fmt::format("status: a {} begins as {}, not as \"{}\"", to_string(item.type),
                              fmt::join(begins, " or "), item.status));
  }
  if (item.type == ItemType::kReview && item.affects.size() != 1) {
    throw Problem(400, "invalid_field",
                  fmt::format("affects: a review affects exactly one item, got {}", item.affects.size()));
  }
  if (item.type == ItemType::kPromotionCandidate && item.affects.empty()) {
    throw Problem(400, "invalid_field", "affects: a promotion_candidate names the items that it would promote");
  }
  if (!item.assignee.empty() && item.type != ItemType::kTask) {
    throw Problem(400, "invalid_field", "assignee: only a task has one");
  }
}

}  // namespace mesh

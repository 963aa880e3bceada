// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_ARCHIVE_ITEMS_H_
#define MESH_ARCHIVE_ITEMS_H_

// The six typed items of a workspace, and the states that each may be in:
//
//   task                 open > claimed > completed | failed; claimed > open
//   hypothesis           open > supported | refuted
//   evidence_pack        submitted
//   review               approve | reject, of the item that it affects
//   decision             proposed > adopted | rejected
//   promotion_candidate  pending > promoted | rejected
//
// Pure: values in, values out. What needs other items (who reviewed what) is in archive.h.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mesh {

enum class ItemType : std::uint8_t { kTask, kHypothesis, kEvidencePack, kReview, kDecision, kPromotionCandidate };

// "promotion_candidate". The other way round: nullopt if no type has that name.
std::string_view to_string(ItemType type);
std::optional<ItemType> item_type_named(std::string_view name);
// Every name, for error messages: "task, hypothesis, ...".
std::string item_type_names();

struct Item {
  std::string id;  // Chosen by its author; unique in its workspace.
  std::string workspace;
  ItemType type = ItemType::kTask;
  std::string status;
  std::string author;    // "@ada"
  std::string assignee;  // Of a task: who may claim it; empty: any member.
  std::string claimer;   // Of a task that is claimed or was.
  std::string text;
  std::optional<double> confidence;   // 0 to 1.
  std::vector<std::string> supports;  // What it rests on: "url:https://...", "message:@ada/17", "item:17".
  std::vector<std::string> affects;   // Ids of items in the same workspace.
  std::vector<std::string> tags;
  std::int64_t at = 0;         // When it was added, in ms since 1970.
  std::int64_t changed = 0;    // When its state changed last, likewise.
  std::uint64_t revision = 0;  // The Archive's at its last change.
  friend bool operator==(const Item&, const Item&) = default;
};

// The states in which an item of that type begins. More than one for a review only, whose state is its verdict.
const std::vector<std::string>& initial_states(ItemType type);
// The states that can follow; empty for a final one.
const std::vector<std::string>& next_states(ItemType type, std::string_view status);
bool is_final(ItemType type, std::string_view status);

// What the author wrote is the same: the second request with that id is a repetition of the first.
bool same_content(const Item& one, const Item& other);

// Throw Problem invalid_field, which names the field and what is expected.
void check(const Item& item);
void check_id(std::string_view field, std::string_view id);  // 1 to kIdBytesMax of A-Z a-z 0-9 . _ -
void check_text(std::string_view field, std::string_view text, std::size_t bytes_max);
void check_entries(std::string_view field, const std::vector<std::string>& entries);
void check_confidence(std::optional<double> confidence);

inline constexpr std::size_t kIdBytesMax = 64;
inline constexpr std::size_t kTitleBytesMax = 128;
inline constexpr std::size_t kTextBytesMax = std::size_t{16} << 10;
inline constexpr std::size_t kEntriesMax = 32;  // Of supports, affects, tags.
inline constexpr std::size_t kEntryBytesMax = 512;

}  // namespace mesh

#endif  // MESH_ARCHIVE_ITEMS_H_

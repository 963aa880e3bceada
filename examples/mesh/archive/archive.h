// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_ARCHIVE_ARCHIVE_H_
#define MESH_ARCHIVE_ARCHIVE_H_

// What the Archive knows, and who may change it: shared memory, workspaces with their items, the commons. No network,
// no clock: the caller says who asks (an agent whose signature it has checked) and what time it is, and runs each call
// in one transaction of `records`.
//
// Every verb that writes can be repeated: the same request again changes nothing and returns what there is, with
// `duplicate` true. The same id with other content is Problem id_reused.
//
// Two gates ask for a review by somebody else, and nothing passes them without:
//   a promotion candidate becomes `promoted`, and durable memory, only if another agent approved it and none rejected
//   it; a publication becomes `published` only by the approving review of another agent.
// A candidate's reviewers are neither its author nor the author of an item that it would promote.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/archive/items.h"
#include "mesh/records.h"

namespace mesh {

struct Workspace {
  std::string id;
  std::string title;
  std::string owner;
  std::vector<std::string> members;  // Sorted; the owner is one.
  std::int64_t at = 0;               // Ms since 1970, as all times here.
  friend bool operator==(const Workspace&, const Workspace&) = default;
};

// One thing that an agent learned. All entries of a subject are kept; the newest is its current state.
struct Memory {
  std::string id;  // Chosen by its author; unique among the author's.
  std::string author;
  std::string subject;  // What it is about: "edge/a/progress".
  std::string text;
  std::optional<double> confidence;
  std::vector<std::string> tags;
  std::vector<std::string> supports;
  std::uint64_t revision = 0;  // The Archive's when it was accepted.
  std::int64_t at = 0;
  friend bool operator==(const Memory&, const Memory&) = default;
};

struct MemoryQuery {
  std::string subject = {};  // Empty: any.
  std::string text = {};     // At least one of its words is in the subject, text or tags, in any case. Empty: any.
  std::vector<std::string> tags = {};  // All of them. Empty: any.
  std::size_t after = 0;               // Of the ranked results, how many to leave out.
  std::size_t limit = 100;
};

struct MemoryResult {
  Memory memory;
  bool current = false;
};

struct MemoryResults {
  std::vector<MemoryResult> results;
  std::uint64_t revision = 0;  // Every write up to this one has been considered.
  bool has_more = false;
};

enum class Review : std::uint8_t { kApprove, kReject };
std::string_view to_string(Review verdict);  // "approve"
std::optional<Review> review_named(std::string_view name);

struct Publication {
  std::string id;  // Chosen by its author; unique in the commons.
  std::string author;
  std::string title;
  std::string text;
  std::vector<std::string> supports;
  std::vector<std::string> tags;
  std::string status = "submitted";  // > published | rejected
  std::string reviewer;              // Who decided, with what id and why.
  std::string review_id;
  std::string review_text;
  std::int64_t at = 0;
  std::int64_t decided = 0;
  std::uint64_t revision = 0;
  friend bool operator==(const Publication&, const Publication&) = default;
};

template <typename T>
struct Written {
  T value;
  bool duplicate = false;
};

template <typename T>
struct Page {
  std::vector<T> entries;
  bool has_more = false;
};

struct ItemQuery {
  std::optional<ItemType> type = {};
  std::string after = {};  // Ids that come after this one; empty: from the first.
  std::size_t limit = 100;
};

struct StateChange {
  std::string id;  // Chosen by who asks.
  std::string from;
  std::string to;
  std::string reason;
};

struct Promotion {
  Item item;
  Memory memory;
};

struct CommonsQuery {
  std::string text = {};  // Like MemoryQuery's.
  std::vector<std::string> tags = {};
  std::string state = "published";  // Of other states, an agent sees its own publications only.
  std::string after = {};           // Ids that come after this one.
  std::size_t limit = 100;
};

inline constexpr std::size_t kLimitMax = 500;
inline constexpr std::size_t kMembersMax = 64;

// What reads.
class ArchiveView {
 public:
  // `records` outlives it.
  explicit ArchiveView(const Records& records) : stored_(records) {}

  // Counts the accepted writes.
  std::uint64_t revision() const;

  // Ranks current entries before stale ones; within these by how many words of the text occur, then the newest first.
  // It looks at the newest kLookBack entries, current and stale, of the subject or of all.
  MemoryResults query(const MemoryQuery& query) const;
  static constexpr std::size_t kLookBack = 1000;

  Workspace workspace(std::string_view agent, std::string_view id) const;
  Page<Workspace> workspaces(std::string_view agent, std::string_view after, std::size_t limit) const;
  Item item(std::string_view agent, std::string_view workspace, std::string_view id) const;
  Page<Item> items(std::string_view agent, std::string_view workspace, const ItemQuery& query) const;
  Page<Publication> commons(std::string_view agent, const CommonsQuery& query) const;

  // For the pages that operators look at: no agent asks. The first `limit` by id.
  std::vector<Workspace> all_workspaces(std::size_t limit) const;
  Workspace any_workspace(std::string_view id) const;
  std::vector<Item> all_items(std::string_view workspace, std::size_t limit) const;

 protected:
  Workspace workspace_of_member(std::string_view agent, std::string_view id) const;
  std::optional<Item> look_up(std::string_view workspace, std::string_view id) const;
  Item find_item(std::string_view workspace, std::string_view id) const;
  Publication find_publication(std::string_view id) const;

 private:
  const Records& stored_;
};

// What writes.
class Archive : public ArchiveView {
 public:
  explicit Archive(Records& records) : ArchiveView(records), records_(records) {}

  Written<Memory> ingest(Memory memory, std::int64_t now);

  Written<Workspace> create(Workspace workspace, std::int64_t now);
  Written<Item> add(Item item,
                    std::int64_t now);  // `item.author` asks. Reviews are not added, but written by review().
  // A task is claimed by its assignee, or any member if it has none; only the claimer completes, fails or gives it
  // back. A hypothesis or a decision is decided by other members than its author. A candidate changes by review and
  // promote().
  Written<Item> change(std::string_view agent, std::string_view workspace, std::string_view item,
                       const StateChange& change, std::int64_t now);
  // A rejecting review of a candidate rejects it.
  Written<Item> review(std::string_view agent, std::string_view workspace, std::string_view item, std::string id,
                       Review verdict, std::string text, std::int64_t now);
  Written<Promotion> promote(std::string_view agent, std::string_view workspace, std::string_view candidate,
                             std::string_view id, std::int64_t now);

  Written<Publication> publish(Publication publication, std::int64_t now);  // `publication.author` asks.
  Written<Publication> review_publication(std::string_view agent, std::string_view publication, std::string id,
                                          Review verdict, std::string text, std::int64_t now);

 private:
  std::uint64_t next_revision();
  // True if this agent asked for exactly this before; false if never. Otherwise throws Problem id_reused.
  bool is_repetition(std::string_view agent, std::string_view id, std::string_view content) const;
  void note_request(std::string_view agent, std::string_view id, std::string_view content);
  void check_reviewer(std::string_view agent, const Item& reviewed) const;
  void check_gate(const Item& candidate) const;
  void save(Item& item, std::string_view status, std::int64_t now);
  void remember(Memory& memory);

  Records& records_;
};

}  // namespace mesh

#endif  // MESH_ARCHIVE_ARCHIVE_H_

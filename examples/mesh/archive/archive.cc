// SPDX-License-Identifier: Apache-2.0
#include "mesh/archive/archive.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/archive/codec.h"
#include "mesh/problem.h"

namespace mesh {

namespace {

// The kinds of records, and their keys. An order is a revision written so that the newest sorts first.
constexpr std::string_view kCounters = "counter";              // "revision"
constexpr std::string_view kRequests = "request";              // agent/id: what was asked
constexpr std::string_view kMemories = "memory";               // order
constexpr std::string_view kMemoryIds = "memory_id";           // author/id: the order
constexpr std::string_view kSubjects = "subject";              // subject, a line feed, order
constexpr std::string_view kCurrent = "current";               // subject: the order of its current entry
constexpr std::string_view kCurrentOrders = "current_order";   // order of a current entry
constexpr std::string_view kWorkspaces = "workspace";          // id
constexpr std::string_view kMemberships = "membership";        // agent/workspace
constexpr std::string_view kItems = "item";                    // workspace/id
constexpr std::string_view kReviews = "review";                // workspace/item/reviewer/id: the verdict
constexpr std::string_view kPublications = "publication";      // id
constexpr std::string_view kCommonsByState = "commons_state";  // status/id, or author/status/id

constexpr std::size_t kWordsMax = 16;
constexpr std::size_t kSubjectBytesMax = 128;
// A promoted candidate's entry is about "promoted/<workspace>/<candidate>".
constexpr std::size_t kQueriedSubjectBytesMax = kSubjectBytesMax + 2 * kIdBytesMax;

std::string order_of(std::uint64_t revision) {
  return fmt::format("{:020}", std::numeric_limits<std::uint64_t>::max() - revision);
}

std::string item_key(std::string_view workspace, std::string_view id) { return fmt::format("{}/{}", workspace, id); }
std::string subject_prefix(std::string_view subject) { return fmt::format("{}\n", subject); }

// A subject is printed, and part of a key.
void check_subject(std::string_view subject, std::size_t bytes_max) {
  const bool plain = std::none_of(subject.begin(), subject.end(),
                                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; });
  if (subject.empty() || subject.size() > bytes_max || !plain) {
    throw Problem::field("subject", fmt::format("1 to {} bytes without control characters", bytes_max));
  }
}

void check_limit(std::size_t limit) {
  if (limit == 0 || limit > kLimitMax) {
    throw Problem::field("limit", fmt::format("1 to {}, got {}", kLimitMax, limit));
  }
}

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return lower;
}

// The words that a query looks for.
class Words {
 public:
  explicit Words(std::string_view text) {
    check_text("text", text, kTextBytesMax);
    const std::string lower = in_lower_case(text);
    std::size_t at = 0;
    while (at < lower.size()) {
      const std::size_t end = std::min(lower.find_first_of(" \t\r\n", at), lower.size());
      if (end > at) {
        words_.push_back(lower.substr(at, end - at));
      }
      at = end + 1;
    }
    if (words_.size() > kWordsMax) {
      throw Problem::field("text", fmt::format("at most {} words, got {}", kWordsMax, words_.size()));
    }
  }

  bool any() const { return !words_.empty(); }

  // How many of them occur.
  std::size_t in(std::string_view one, std::string_view two, const std::vector<std::string>& tags) const {
    if (words_.empty()) {
      return 0;
    }
    const std::string text = in_lower_case(fmt::format("{}\n{}\n{}", one, two, fmt::join(tags, "\n")));
    return static_cast<std::size_t>(std::count_if(words_.begin(), words_.end(), [&text](const std::string& word) {
      return text.find(word) != std::string::npos;
    }));
  }

 private:
  std::vector<std::string> words_;
};

bool has_all(const std::vector<std::string>& tags, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&tags](const std::string& tag) {
    return std::find(tags.begin(), tags.end(), tag) != tags.end();
  });
}

bool same_content(const Memory& one, const Memory& other) {
  return one.subject == other.subject && one.text == other.text && one.tags == other.tags &&
         one.supports == other.supports && one.confidence == other.confidence;
}

bool same_content(const Publication& one, const Publication& other) {
  return one.author == other.author && one.title == other.title && one.text == other.text &&
         one.supports == other.supports && one.tags == other.tags;
}

bool same_content(const Workspace& one, const Workspace& other) {
  return one.owner == other.owner && one.title == other.title && one.members == other.members;
}

[[noreturn]] void refuse_reuse(std::string_view what, std::string_view id) {
  throw Problem(409, "id_reused", fmt::format("{} {} exists with other content", what, id));
}

[[noreturn]] void refuse_state(const Item& item, std::string_view to) {
  const std::vector<std::string>& next = next_states(item.type, item.status);
  throw Problem(409, "state_changed",
                next.empty() ? fmt::format("{} {} is {}, which is final", to_string(item.type), item.id, item.status)
                             : fmt::format("{} {} is {}, after which it can be {}, not \"{}\"", to_string(item.type),
                                           item.id, item.status, fmt::join(next, " or "), to));
}

}  // namespace

std::string_view to_string(Review verdict) { return verdict == Review::kApprove ? "approve" : "reject"; }

std::optional<Review> review_named(std::string_view name) {
  if (name == "approve") {
    return Review::kApprove;
  }
  return name == "reject" ? std::optional(Review::kReject) : std::nullopt;
}

std::uint64_t ArchiveView::revision() const {
  std::uint64_t revision = 0;
  if (const std::optional<std::string> last = stored_.get(kCounters, "revision")) {
    std::from_chars(last->data(), last->data() + last->size(), revision);
  }
  return revision;
}

std::uint64_t Archive::next_revision() {
  const std::uint64_t next = revision() + 1;
  records_.put(kCounters, "revision", fmt::format("{}", next));
  return next;
}

bool Archive::is_repetition(std::string_view agent, std::string_view id, std::string_view content) const {
  check_id("id", id);
  const std::optional<std::string> before = records_.get(kRequests, item_key(agent, id));
  if (before && *before != content) {
    throw Problem(409, "id_reused", fmt::format("{} has used the id {} for another request", agent, id));
  }
  return before.has_value();
}

void Archive::note_request(std::string_view agent, std::string_view id, std::string_view content) {
  records_.put(kRequests, item_key(agent, id), content);
}

// Memory

Written<Memory> Archive::ingest(Memory memory, std::int64_t now) {
  check_id("id", memory.id);
  check_subject(memory.subject, kSubjectBytesMax);
  check_text("text", memory.text, kTextBytesMax);
  check_entries("tags", memory.tags);
  check_entries("supports", memory.supports);
  check_confidence(memory.confidence);
  if (const std::optional<std::string> order = records_.get(kMemoryIds, item_key(memory.author, memory.id))) {
    Memory first = decode_memory(records_.get(kMemories, *order).value());
    if (!same_content(first, memory)) {
      refuse_reuse("memory", memory.id);
    }
    return {std::move(first), true};
  }
  memory.at = now;
  memory.revision = next_revision();
  remember(memory);
  return {std::move(memory)};
}

void Archive::remember(Memory& memory) {
  const std::string order = order_of(memory.revision);
  records_.put(kMemories, order, json_of(memory).object());
  records_.put(kMemoryIds, item_key(memory.author, memory.id), order);
  records_.put(kSubjects, subject_prefix(memory.subject) + order, "");
  if (const std::optional<std::string> before = records_.get(kCurrent, memory.subject)) {
    records_.remove(kCurrentOrders, *before);
  }
  records_.put(kCurrent, memory.subject, order);
  records_.put(kCurrentOrders, order, "");
}

MemoryResults ArchiveView::query(const MemoryQuery& query) const {
  check_limit(query.limit);
  check_entries("tags", query.tags);
  const Words words(query.text);
  struct Ranked {
    MemoryResult result;
    std::size_t words = 0;
  };
  std::vector<Ranked> found;
  const auto look_at = [&](std::string_view order, bool current) {
    Ranked entry{{decode_memory(stored_.get(kMemories, order).value()), current}, 0};
    const Memory& memory = entry.result.memory;
    entry.words = words.in(memory.subject, memory.text, memory.tags);
    if (has_all(memory.tags, query.tags) && (entry.words > 0 || !words.any())) {
      found.push_back(std::move(entry));
    }
  };

  if (query.subject.empty()) {
    for (const Record& record : stored_.list(kCurrentOrders, "", "", kLookBack)) {
      look_at(record.key, true);
    }
    for (const Record& record : stored_.list(kMemories, "", "", kLookBack)) {
      if (!stored_.get(kCurrentOrders, record.key)) {
        look_at(record.key, false);
      }
    }
  } else {
    check_subject(query.subject, kQueriedSubjectBytesMax);
    const std::string prefix = subject_prefix(query.subject);
    for (const Record& record : stored_.list(kSubjects, prefix, "", kLookBack)) {
      const std::string order = record.key.substr(prefix.size());
      look_at(order, stored_.get(kCurrentOrders, order).has_value());
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const Ranked& one, const Ranked& other) {
    return one.result.current != other.result.current ? one.result.current : one.words > other.words;
  });

  MemoryResults results;
  results.revision = revision();
  results.has_more = found.size() > query.limit && found.size() - query.limit > query.after;
  for (std::size_t i = query.after; i < found.size() && results.results.size() < query.limit; ++i) {
    results.results.push_back(std::move(found[i].result));
  }
  return results;
}

// Workspaces

Written<Workspace> Archive::create(Workspace workspace, std::int64_t now) {
  check_id("id", workspace.id);
  check_text("title", workspace.title, kTitleBytesMax);
  workspace.members.push_back(workspace.owner);
  std::sort(workspace.members.begin(), workspace.members.end());
  workspace.members.erase(std::unique(workspace.members.begin(), workspace.members.end()), workspace.members.end());
  if (workspace.members.size() > kMembersMax) {
    throw Problem::field("members", fmt::format("at most {}, got {}", kMembersMax, workspace.members.size()));
  }
  if (const std::optional<std::string> json = records_.get(kWorkspaces, workspace.id)) {
    Workspace first = decode_workspace(*json);
    if (!same_content(first, workspace)) {
      refuse_reuse("workspace", workspace.id);
    }
    return {std::move(first), true};
  }
  workspace.at = now;
  next_revision();
  records_.put(kWorkspaces, workspace.id, json_of(workspace).object());
  for (const std::string& member : workspace.members) {
    records_.put(kMemberships, item_key(member, workspace.id), "");
  }
  return {std::move(workspace)};
}

Workspace ArchiveView::any_workspace(std::string_view id) const {
  const std::optional<std::string> json = stored_.get(kWorkspaces, id);
  if (!json) {
    throw Problem(404, "not_found", fmt::format("there is no workspace {}", id));
  }
  return decode_workspace(*json);
}

Workspace ArchiveView::workspace_of_member(std::string_view agent, std::string_view id) const {
  Workspace workspace = any_workspace(id);
  if (!std::binary_search(workspace.members.begin(), workspace.members.end(), agent)) {
    throw Problem(403, "not_a_member", fmt::format("{} is not a member of workspace {}", agent, id));
  }
  return workspace;
}

Workspace ArchiveView::workspace(std::string_view agent, std::string_view id) const {
  return workspace_of_member(agent, id);
}

Page<Workspace> ArchiveView::workspaces(std::string_view agent, std::string_view after, std::size_t limit) const {
  check_limit(limit);
  const std::string prefix = item_key(agent, "");
  Page<Workspace> page;
  for (const Record& record :
       stored_.list(kMemberships, prefix, after.empty() ? "" : item_key(agent, after), limit + 1)) {
    if (page.entries.size() == limit) {
      page.has_more = true;
    } else {
      page.entries.push_back(any_workspace(record.key.substr(prefix.size())));
    }
  }
  return page;
}

std::optional<Item> ArchiveView::look_up(std::string_view workspace, std::string_view id) const {
  const std::optional<std::string> json = stored_.get(kItems, item_key(workspace, id));
  return json ? std::optional(decode_item(*json)) : std::nullopt;
}

Item ArchiveView::find_item(std::string_view workspace, std::string_view id) const {
  std::optional<Item> item = look_up(workspace, id);
  if (!item) {
    throw Problem(404, "not_found", fmt::format("there is no item {} in workspace {}", id, workspace));
  }
  return *std::move(item);
}

void Archive::save(Item& item, std::string_view status, std::int64_t now) {
  item.status = status;
  item.changed = now;
  item.revision = next_revision();
  records_.put(kItems, item_key(item.workspace, item.id), json_of(item).object());
}

Written<Item> Archive::add(Item item, std::int64_t now) {
  if (item.type == ItemType::kReview) {
    throw Problem(400, "invalid_field", "type: a review is written by .../items/ITEM/reviews");
  }
  item.status = initial_states(item.type).front();
  item.claimer.clear();
  check(item);
  const Workspace workspace = workspace_of_member(item.author, item.workspace);
  if (std::optional<Item> first = look_up(item.workspace, item.id)) {
    if (!same_content(*first, item)) {
      refuse_reuse("item", item.id);
    }
    return {*std::move(first), true};
  }
  if (!item.assignee.empty() &&
      !std::binary_search(workspace.members.begin(), workspace.members.end(), item.assignee)) {
    throw Problem(400, "invalid_field",
                  fmt::format("assignee: {} is not a member of workspace {}", item.assignee, item.workspace));
  }
  for (const std::string& affected : item.affects) {
    find_item(item.workspace, affected);
  }
  item.at = now;
  save(item, item.status, now);
  return {std::move(item)};
}

Item ArchiveView::item(std::string_view agent, std::string_view workspace, std::string_view id) const {
  workspace_of_member(agent, workspace);
  return find_item(workspace, id);
}

Page<Item> ArchiveView::items(std::string_view agent, std::string_view workspace, const ItemQuery& query) const {
  workspace_of_member(agent, workspace);
  check_limit(query.limit);
  const std::string prefix = item_key(workspace, "");
  std::string after = query.after.empty() ? "" : item_key(workspace, query.after);
  Page<Item> page;
  for (;;) {
    const std::vector<Record> records = stored_.list(kItems, prefix, after, kLimitMax);
    for (const Record& record : records) {
      Item item = decode_item(record.value);
      if (query.type && item.type != *query.type) {
        continue;
      }
      if (page.entries.size() == query.limit) {
        page.has_more = true;
        return page;
      }
      page.entries.push_back(std::move(item));
    }
    if (records.size() < kLimitMax) {
      return page;
    }
    after = records.back().key;
  }
}

Written<Item> Archive::change(std::string_view agent, std::string_view workspace, std::string_view id,
                              const StateChange& change, std::int64_t now) {
  workspace_of_member(agent, workspace);
  check_text("reason", change.reason, kTextBytesMax);
  Item item = find_item(workspace, id);
  const std::string content = fmt::format("state {}/{} {} {} {}", workspace, id, change.from, change.to, change.reason);
  if (is_repetition(agent, change.id, content)) {
    return {std::move(item), true};
  }
  if (item.type == ItemType::kPromotionCandidate) {
    throw Problem(409, "not_reviewed", "a promotion_candidate changes by .../reviews and .../promote only");
  }
  const std::vector<std::string>& next = next_states(item.type, item.status);
  if (item.status != change.from || std::find(next.begin(), next.end(), change.to) == next.end()) {
    refuse_state(item, change.to);
  }
  if (item.type == ItemType::kTask) {
    const std::string& owner = item.status == "open" ? item.assignee : item.claimer;
    if (!owner.empty() && owner != agent) {
      throw Problem(403, "not_yours", fmt::format("task {} is {}'s", id, owner));
    }
    item.claimer = change.to == "open" ? "" : agent;
  } else if (item.author == agent) {
    throw Problem(403, "own_work", fmt::format("{} wrote {}: another member has to decide it", agent, id));
  }
  save(item, change.to, now);
  note_request(agent, change.id, content);
  return {std::move(item)};
}

void Archive::check_reviewer(std::string_view agent, const Item& reviewed) const {
  if (reviewed.author == agent) {
    throw Problem(403, "own_work", fmt::format("{} wrote {}: another member has to review it", agent, reviewed.id));
  }
  if (reviewed.type != ItemType::kPromotionCandidate) {
    return;
  }
  for (const std::string& affected : reviewed.affects) {
    if (find_item(reviewed.workspace, affected).author == agent) {
      throw Problem(403, "own_work",
                    fmt::format("{} wrote {}, which {} would promote: another member has to review it", agent, affected,
                                reviewed.id));
    }
  }
}

Written<Item> Archive::review(std::string_view agent, std::string_view workspace, std::string_view id,
                              std::string review_id, Review verdict, std::string text, std::int64_t now) {
  workspace_of_member(agent, workspace);
  Item review;
  review.id = std::move(review_id);
  review.workspace = workspace;
  review.type = ItemType::kReview;
  review.status = to_string(verdict);
  review.author = agent;
  review.text = std::move(text);
  review.affects = {std::string(id)};
  check(review);
  if (std::optional<Item> first = look_up(workspace, review.id)) {
    if (!same_content(*first, review)) {
      refuse_reuse("item", review.id);
    }
    return {*std::move(first), true};
  }
  Item reviewed = find_item(workspace, id);
  if (reviewed.type == ItemType::kReview) {
    throw Problem(400, "invalid_field", fmt::format("{} is a review itself", id));
  }
  const bool is_candidate = reviewed.type == ItemType::kPromotionCandidate;
  if (is_candidate && is_final(reviewed.type, reviewed.status)) {
    refuse_state(reviewed, review.status);
  }
  check_reviewer(agent, reviewed);
  review.at = now;
  save(review, review.status, now);
  records_.put(kReviews, fmt::format("{}/{}/{}/{}", workspace, id, agent, review.id), review.status);
  if (is_candidate && verdict == Review::kReject) {
    save(reviewed, "rejected", now);
  }
  return {std::move(review)};
}

void Archive::check_gate(const Item& candidate) const {
  const std::string prefix = item_key(candidate.workspace, candidate.id) + "/";
  const std::vector<Record> reviews = records_.list(kReviews, prefix, "", kLimitMax);
  const bool approved =
      std::any_of(reviews.begin(), reviews.end(), [](const Record& r) { return r.value == "approve"; });
  if (!approved) {
    throw Problem(409, "not_reviewed",
                  fmt::format("candidate {} has no approving review, expected one by another agent", candidate.id));
  }
}

Written<Promotion> Archive::promote(std::string_view agent, std::string_view workspace, std::string_view id,
                                    std::string_view request, std::int64_t now) {
  workspace_of_member(agent, workspace);
  Item item = find_item(workspace, id);
  if (item.type != ItemType::kPromotionCandidate) {
    throw Problem(400, "invalid_field",
                  fmt::format("item {} is a {}, expected a promotion_candidate", id, to_string(item.type)));
  }
  // No agent can choose an id with a slash.
  const std::string name = fmt::format("promoted/{}/{}", workspace, id);
  const std::string content = fmt::format("promote {}/{}", workspace, id);
  if (is_repetition(agent, request, content)) {
    const std::optional<std::string> order = records_.get(kMemoryIds, item_key(item.author, name));
    return {{std::move(item), decode_memory(records_.get(kMemories, order.value()).value())}, true};
  }
  if (item.status != "pending") {
    refuse_state(item, "promoted");
  }
  check_gate(item);
  Memory memory;
  memory.id = name;
  memory.author = item.author;
  memory.subject = name;
  memory.text = item.text;
  memory.confidence = item.confidence;
  memory.tags = item.tags;
  for (const std::string& affected : item.affects) {
    memory.supports.push_back(fmt::format("item:{}/{}", workspace, affected));
  }
  memory.at = now;
  save(item, "promoted", now);
  memory.revision = item.revision;
  remember(memory);
  note_request(agent, request, content);
  return {{std::move(item), std::move(memory)}};
}

// Commons

Publication ArchiveView::find_publication(std::string_view id) const {
  const std::optional<std::string> json = stored_.get(kPublications, id);
  if (!json) {
    throw Problem(404, "not_found", fmt::format("there is no publication {}", id));
  }
  return decode_publication(*json);
}

Written<Publication> Archive::publish(Publication publication, std::int64_t now) {
  check_id("id", publication.id);
  if (publication.title.empty()) {
    throw Problem::field("title", "a title, got an empty one");
  }
  check_text("title", publication.title, kTitleBytesMax);
  check_text("text", publication.text, kTextBytesMax);
  check_entries("supports", publication.supports);
  check_entries("tags", publication.tags);
  if (const std::optional<std::string> json = records_.get(kPublications, publication.id)) {
    Publication first = decode_publication(*json);
    if (!same_content(first, publication)) {
      refuse_reuse("publication", publication.id);
    }
    return {std::move(first), true};
  }
  publication.status = "submitted";
  publication.at = now;
  publication.revision = next_revision();
  records_.put(kPublications, publication.id, json_of(publication).object());
  records_.put(kCommonsByState, fmt::format("{}/submitted/{}", publication.author, publication.id), "");
  return {std::move(publication)};
}

Written<Publication> Archive::review_publication(std::string_view agent, std::string_view id, std::string review_id,
                                                 Review verdict, std::string text, std::int64_t now) {
  check_id("id", review_id);
  check_text("text", text, kTextBytesMax);
  Publication publication = find_publication(id);
  const std::string_view decided = verdict == Review::kApprove ? "published" : "rejected";
  if (publication.reviewer == agent && publication.review_id == review_id) {
    if (publication.status != decided || publication.review_text != text) {
      refuse_reuse("review", review_id);
    }
    return {std::move(publication), true};
  }
  if (publication.author == agent) {
    throw Problem(403, "own_work", fmt::format("{} wrote {}: another agent has to review it", agent, id));
  }
  if (publication.status != "submitted") {
    throw Problem(409, "state_changed", fmt::format("publication {} is {} already", id, publication.status));
  }
  records_.remove(kCommonsByState, fmt::format("{}/submitted/{}", publication.author, id));
  publication.status = decided;
  publication.reviewer = agent;
  publication.review_id = std::move(review_id);
  publication.review_text = std::move(text);
  publication.decided = now;
  publication.revision = next_revision();
  records_.put(kPublications, id, json_of(publication).object());
  records_.put(kCommonsByState, fmt::format("{}/{}/{}", publication.author, decided, id), "");
  if (verdict == Review::kApprove) {
    records_.put(kCommonsByState, item_key(decided, id), "");
  }
  return {std::move(publication)};
}

Page<Publication> ArchiveView::commons(std::string_view agent, const CommonsQuery& query) const {
  check_limit(query.limit);
  check_entries("tags", query.tags);
  if (query.state != "submitted" && query.state != "published" && query.state != "rejected") {
    throw Problem::field("state", fmt::format("submitted, published or rejected, got \"{}\"", query.state));
  }
  const Words words(query.text);
  const std::string prefix =
      query.state == "published" ? item_key(query.state, "") : fmt::format("{}/{}/", agent, query.state);
  std::string after = query.after.empty() ? "" : prefix + query.after;
  Page<Publication> page;
  for (;;) {
    const std::vector<Record> records = stored_.list(kCommonsByState, prefix, after, kLimitMax);
    for (const Record& record : records) {
      Publication publication = find_publication(record.key.substr(prefix.size()));
      const bool found = !words.any() || words.in(publication.title, publication.text, publication.tags) > 0;
      if (!found || !has_all(publication.tags, query.tags)) {
        continue;
      }
      if (page.entries.size() == query.limit) {
        page.has_more = true;
        return page;
      }
      page.entries.push_back(std::move(publication));
    }
    if (records.size() < kLimitMax) {
      return page;
    }
    after = records.back().key;
  }
}

// Pages

std::vector<Workspace> ArchiveView::all_workspaces(std::size_t limit) const {
  std::vector<Workspace> all;
  for (const Record& record : stored_.list(kWorkspaces, "", "", limit)) {
    all.push_back(decode_workspace(record.value));
  }
  return all;
}

std::vector<Item> ArchiveView::all_items(std::string_view workspace, std::size_t limit) const {
  std::vector<Item> all;
  for (const Record& record : stored_.list(kItems, item_key(workspace, ""), "", limit)) {
    all.push_back(decode_item(record.value));
  }
  return all;
}

}  // namespace mesh

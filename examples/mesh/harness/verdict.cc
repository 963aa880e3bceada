// SPDX-License-Identifier: Apache-2.0
#include "mesh/harness/verdict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/json_lookup.h"

namespace mesh {

namespace {

using soak::probe::Finding;

constexpr std::size_t kExamples = 5;

// One finding for all cases of a kind, with the first few as its evidence.
void report(std::vector<Finding>& findings, std::string_view subject, std::string_view what,
            const std::vector<std::string>& cases) {
  if (cases.empty()) {
    return;
  }
  Finding finding;
  finding.subject = subject;
  finding.text = fmt::format("{}: {} {}", subject, cases.size(), what);
  for (std::size_t i = 0; i < std::min(cases.size(), kExamples); ++i) {
    finding.evidence.push_back({i == 0 ? "such as" : "", cases[i]});
  }
  findings.push_back(std::move(finding));
}

void require(std::vector<Finding>& findings, bool exercised, std::string_view what) {
  if (!exercised) {
    findings.push_back({"not exercised", fmt::format("not exercised: {}", what), {}});
  }
}

std::string name_of(const MessageId& message) { return fmt::format("{}/{}", message.first, message.second); }

bool is_request(std::string_view kind) { return kind == "query_request" || kind == "task_request"; }

}  // namespace

Signals& Signals::operator+=(const Signals& other) {
  llm_tasks_completed += other.llm_tasks_completed;
  mesh_messages_sent += other.mesh_messages_sent;
  inbox_messages_seen += other.inbox_messages_seen;
  sync_calls += other.sync_calls;
  receipts_seen += other.receipts_seen;
  errors += other.errors;
  return *this;
}

void Evidence::add_line(std::string_view edge, std::string_view line) {
  const rapidjson::Document event = parse_json(line);
  const std::string name = text_of(event, "event");
  if (name.empty()) {
    ++damaged_;
    return;
  }
  const std::string self(edge);
  Signals& signals = signals_[self];
  const auto text = [&event](const char* field) { return text_of(event, field); };
  if (name == "message_acknowledged") {
    const MessageId id(self, text("id"));
    if (acknowledged.emplace(id, SentMessage{text("to"), text("kind"), text("in_reply_to")}).second) {
      ++signals.mesh_messages_sent;
    }
  } else if (name == "message_handled") {
    handled[{text("from"), text("id")}].push_back(self);
    if (text("kind") == "receipt") {
      if (++receipts[self][text("in_reply_to")] == 1) {
        ++signals.receipts_seen;
      }
    } else if (!is_request(text("kind"))) {
      ++answers[self][text("in_reply_to")];
    }
  } else if (name == "synced") {
    ++signals.sync_calls;
    signals.inbox_messages_seen += number_of(event, "messages");
  } else if (name == "duplicate_dropped") {
    ++duplicates[self];
  } else if (name == "llm_task_completed") {
    ++signals.llm_tasks_completed;
  } else if (name == "error") {
    ++signals.errors;
  } else if (name == "message_refused" || name == "work_refused") {
    ++signals.errors;
    refused.push_back(fmt::format("{} {}: {}", self, text("id"), text("text")));
  } else if (name == "memory_ingested") {
    std::uint64_t& highest = ingested[text("subject")];
    highest = std::max(highest, number_of(event, "number"));
  } else if (name == "memory_read") {
    ++reads;
    if (number_of(event, "got") < number_of(event, "wanted")) {
      stale.push_back(fmt::format("{} asked for {}: got number {} after {} had been acknowledged", self,
                                  text("subject"), number_of(event, "got"), number_of(event, "wanted")));
    }
  } else if (name == "gate_held") {
    ++gates_held;
  } else if (name == "gate_broken") {
    gates_broken.push_back(fmt::format("{}: {}", self, text("text")));
  } else if (name == "promoted") {
    promoted.insert(text("candidate"));
  } else if (name == "published") {
    published.insert(text("publication"));
  }
}

const Signals& Evidence::signals(std::string_view edge) const {
  static const Signals none;
  const auto found = signals_.find(edge);
  return found == signals_.end() ? none : found->second;
}

Signals Evidence::all_signals() const {
  Signals all;
  for (const auto& [edge, signals] : signals_) {
    all += signals;
  }
  return all;
}

std::vector<Finding> judge(const Evidence& evidence) {
  std::vector<Finding> findings;
  std::vector<std::string> lost;
  std::vector<std::string> doubled;
  std::vector<std::string> elsewhere;
  std::vector<std::string> unanswered;
  std::vector<std::string> answered_twice;
  std::vector<std::string> unreceipted;
  for (const auto& [id, message] : evidence.acknowledged) {
    const auto found = evidence.handled.find(id);
    if (found == evidence.handled.end()) {
      lost.push_back(fmt::format("{} {} to {}", message.kind, name_of(id), message.to));
      continue;
    }
    if (found->second.size() > 1) {
      doubled.push_back(
          fmt::format("{} {}, {} times by {}", message.kind, name_of(id), found->second.size(), found->second.front()));
    }
    if (found->second.front() != message.to) {
      elsewhere.push_back(
          fmt::format("{} {} to {}, by {}", message.kind, name_of(id), message.to, found->second.front()));
    }
    const auto count = [&id = id](const std::map<std::string, std::map<std::string, std::uint64_t>>& of) {
      const auto edge = of.find(id.first);
      const auto entry = edge == of.end() ? decltype(edge->second.end()){} : edge->second.find(id.second);
      return edge == of.end() || entry == edge->second.end() ? std::uint64_t{0} : entry->second;
    };
    if (message.kind != "receipt" && count(evidence.receipts) == 0) {
      unreceipted.push_back(fmt::format("{} {} to {}", message.kind, name_of(id), message.to));
    }
    if (is_request(message.kind)) {
      const std::uint64_t answers = count(evidence.answers);
      if (answers != 1) {
        (answers == 0 ? unanswered : answered_twice).push_back(fmt::format("{} {}", message.kind, name_of(id)));
      }
    }
  }
  std::vector<std::string> unsent;
  for (const auto& [id, by] : evidence.handled) {
    if (!evidence.acknowledged.contains(id)) {
      unsent.push_back(fmt::format("{} by {}", name_of(id), by.front()));
    }
  }
  std::vector<std::string> unmatched;
  for (const auto& [edge, receipts] : evidence.receipts) {
    for (const auto& [id, number] : receipts) {
      if (number > 1) {
        unmatched.push_back(fmt::format("{} receipts for {}/{}", number, edge, id));
      }
      if (!evidence.acknowledged.contains({edge, id})) {
        unmatched.push_back(fmt::format("a receipt for {}/{}, which was not acknowledged", edge, id));
      }
    }
  }
  report(findings, "lost", "messages that the relay acknowledged and no handler got", lost);
  report(findings, "handled twice", "messages that their handler got more than once", doubled);
  report(findings, "misdelivered", "messages that another edge handled", elsewhere);
  report(findings, "unsent", "messages that were handled and never acknowledged to their sender", unsent);
  report(findings, "unanswered", "requests that were handled and have no response", unanswered);
  report(findings, "answered twice", "requests with more than one response", answered_twice);
  report(findings, "receipts", "messages that were handled and have no receipt", unreceipted);
  report(findings, "receipts", "receipts that match no message", unmatched);
  report(findings, "stale query", "queries that did not see an ingest acknowledged before", evidence.stale);
  report(findings, "gate", "reviews, promotions or publications that should have been refused", evidence.gates_broken);
  report(findings, "refused", "messages or work that a service refused for good", evidence.refused);
  if (evidence.damaged() > 0) {
    findings.push_back({"events", fmt::format("events: {} damaged lines of events.jsonl", evidence.damaged()), {}});
  }
  require(findings, !evidence.acknowledged.empty(), "no message was sent");
  require(findings, !evidence.receipts.empty(), "no receipt was seen");
  require(findings, evidence.reads > 0, "no query followed an acknowledged ingest");
  require(findings, evidence.gates_held > 0 || !evidence.gates_broken.empty(), "no edge tried to approve its own work");
  return findings;
}

std::vector<Finding> judge(const Evidence& evidence, const ArchiveContent& content) {
  std::vector<Finding> findings;
  std::map<std::string, const Item*> items;
  std::map<std::string, std::vector<const Item*>> reviews;
  for (const Item& item : content.items) {
    items[item.id] = &item;
    if (item.type == ItemType::kReview) {
      reviews[item.affects.front()].push_back(&item);
    }
  }
  std::vector<std::string> unreviewed;
  std::vector<std::string> own;
  std::size_t promoted = 0;
  for (const Item& item : content.items) {
    for (const Item* review :
         item.type == ItemType::kPromotionCandidate ? reviews[item.id] : std::vector<const Item*>()) {
      const bool wrote_affected = std::any_of(item.affects.begin(), item.affects.end(), [&](const std::string& id) {
        const auto affected = items.find(id);
        return affected != items.end() && affected->second->author == review->author;
      });
      if (review->author == item.author || wrote_affected) {
        own.push_back(fmt::format("{} by {}, of {}", review->id, review->author, item.id));
      }
    }
    if (item.type != ItemType::kPromotionCandidate || item.status != "promoted") {
      continue;
    }
    ++promoted;
    const bool approved = std::any_of(reviews[item.id].begin(), reviews[item.id].end(), [&item](const Item* review) {
      return review->status == "approve" && review->author != item.author;
    });
    if (!approved) {
      unreviewed.push_back(fmt::format("candidate {}", item.id));
    }
  }
  std::set<std::string> published;
  for (const Publication& publication : content.publications) {
    if (publication.status == "published") {
      published.insert(publication.id);
      if (publication.reviewer.empty() || publication.reviewer == publication.author) {
        unreviewed.push_back(fmt::format("publication {}", publication.id));
      }
    }
  }
  std::vector<std::string> gone;
  for (const std::string& candidate : evidence.promoted) {
    const auto found = items.find(candidate);
    if (found == items.end() || found->second->status != "promoted") {
      gone.push_back(fmt::format("the promotion of {}", candidate));
    }
  }
  for (const std::string& publication : evidence.published) {
    if (!published.contains(publication)) {
      gone.push_back(fmt::format("the publication of {}", publication));
    }
  }
  for (const auto& [subject, number] : evidence.ingested) {
    const auto found = content.current.find(subject);
    const std::uint64_t current = found == content.current.end() ? 0 : found->second;
    if (current < number) {
      gone.push_back(fmt::format("{}: number {} was acknowledged, the Archive has {}", subject, number, current));
    }
  }
  report(findings, "gate", "promoted or published without the review of another agent", unreviewed);
  report(findings, "own work", "reviews of their own work that were accepted", own);
  report(findings, "lost", "writes that the Archive acknowledged and does not hold", gone);
  require(findings, promoted > 0, "nothing was promoted");
  require(findings, !published.empty(), "nothing was published");
  return findings;
}

}  // namespace mesh

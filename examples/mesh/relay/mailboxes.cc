// SPDX-License-Identifier: Apache-2.0
#include "mesh/relay/mailboxes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "mesh/encoding.h"
#include "mesh/json.h"
#include "mesh/problem.h"

namespace mesh {
namespace {

// The kinds of records, and their keys:
constexpr std::string_view kMessages = "message";  // sender/id: what is known of it, without its body
constexpr std::string_view kWaiting = "waiting";   // receiver/sequence: what the receiver gets
constexpr std::string_view kBoxes = "box";         // receiver: the last sequence, and the acknowledged one
constexpr std::string_view kAnswers = "answer";    // sender/id/response or receipt: the id of the one that there is
constexpr std::string_view kByAge = "sent";        // time/sender/id

constexpr std::size_t kBodyBytesMax = std::size_t{64} << 10;
constexpr std::size_t kPageBytesMax = std::size_t{1} << 20;
constexpr std::size_t kForgottenAtOnce = 4;
constexpr std::int64_t kNumberMax = std::int64_t{1} << 53;

constexpr std::array<std::pair<MessageKind, std::string_view>, 5> kKinds = {{
    {MessageKind::kQueryRequest, "query_request"},
    {MessageKind::kTaskRequest, "task_request"},
    {MessageKind::kQueryResponse, "query_response"},
    {MessageKind::kTaskResponse, "task_response"},
    {MessageKind::kReceipt, "receipt"},
}};

MessageKind kind_named(std::string_view name) {
  const auto found = std::find_if(kKinds.begin(), kKinds.end(), [&](const auto& kind) { return kind.second == name; });
  if (found == kKinds.end()) {
    throw Problem::field("kind", "query_request, task_request, query_response, task_response or receipt");
  }
  return found->first;
}

std::string message_key(std::string_view from, std::string_view id) { return fmt::format("{}/{}", from, id); }
std::string waiting_key(std::string_view to, std::int64_t sequence) { return fmt::format("{}/{:016}", to, sequence); }
std::string age_key(std::int64_t at, std::string_view message) { return fmt::format("{:015}/{}", at, message); }
std::string answer_key(std::string_view message, MessageKind answer) {
  return fmt::format("{}/{}", message, answer == MessageKind::kReceipt ? "receipt" : "response");
}

struct Message {
  std::string to;
  MessageKind kind = MessageKind::kQueryRequest;
  std::string digest;  // Of its content: a repetition has the same.
  std::int64_t sequence = 0;
  std::int64_t at = 0;
};

std::string encode(const Message& message) {
  return JsonText()
      .text("to", message.to)
      .text("kind", to_string(message.kind))
      .text("digest", message.digest)
      .integer("sequence", message.sequence)
      .integer("at", message.at)
      .object();
}

std::optional<Message> find_message(const Records& records, std::string_view from, std::string_view id) {
  const std::optional<std::string> json = records.get(kMessages, message_key(from, id));
  if (!json) {
    return std::nullopt;
  }
  const JsonObject object(*json);
  return Message{object.handle("to"), kind_named(object.name("kind", 32)), object.name("digest", 64),
                 object.integer("sequence", 0, kNumberMax), object.integer("at", 0, kNumberMax)};
}

Message message_of(const Records& records, std::string_view from, std::string_view id) {
  std::optional<Message> message = find_message(records, from, id);
  if (!message) {
    throw Problem(404, "unknown_message", fmt::format("{} sent no message {}", from, id));
  }
  return std::move(*message);
}

struct Box {
  std::int64_t last = 0;
  std::int64_t acked = 0;
};

Box box_of(const Records& records, std::string_view owner) {
  const std::optional<std::string> json = records.get(kBoxes, owner);
  if (!json) {
    return {};
  }
  const JsonObject object(*json);
  return {object.integer("last", 0, kNumberMax), object.integer("acked", 0, kNumberMax)};
}

void put_box(Records& records, std::string_view owner, const Box& box) {
  records.put(kBoxes, owner, JsonText().integer("last", box.last).integer("acked", box.acked).object());
}

bool answers(MessageKind answer, MessageKind message) {
  switch (answer) {
    case MessageKind::kQueryResponse:
      return message == MessageKind::kQueryRequest;
    case MessageKind::kTaskResponse:
      return message == MessageKind::kTaskRequest;
    case MessageKind::kReceipt:
      return message != MessageKind::kReceipt;
    case MessageKind::kQueryRequest:
    case MessageKind::kTaskRequest:
      return false;
  }
  return false;
}

Answer answer_of(const std::string& id, const Message& message, bool created) {
  Answer answer;
  answer.created = created;
  answer.body.text("id", id)
      .text("to", message.to)
      .integer("sequence", message.sequence)
      .text("state", "stored")
      .integer("at", message.at);
  return answer;
}

// Ids that are older than they need to be remembered, unless their message still waits.
void forget_old(Records& records, std::int64_t now_ms) {
  for (const Record& oldest : records.list(kByAge, "", "", kForgottenAtOnce)) {
    if (oldest.key >= age_key(now_ms - Mailboxes::kRemembered, "")) {
      return;
    }
    const std::string key = oldest.key.substr(oldest.key.find('/') + 1);
    const std::size_t slash = key.rfind('/');
    const std::optional<Message> message =
        find_message(records, std::string_view(key).substr(0, slash), std::string_view(key).substr(slash + 1));
    records.remove(kByAge, oldest.key);
    if (message && message->sequence > box_of(records, message->to).acked) {
      records.put(kByAge, age_key(now_ms, key), "");
      continue;
    }
    records.remove(kMessages, key);
    records.remove(kAnswers, answer_key(key, MessageKind::kReceipt));
    records.remove(kAnswers, answer_key(key, MessageKind::kQueryResponse));
  }
}

}  // namespace

std::string_view to_string(MessageKind kind) {
  return std::find_if(kKinds.begin(), kKinds.end(), [&](const auto& one) { return one.first == kind; })->second;
}

bool is_request(MessageKind kind) { return kind == MessageKind::kQueryRequest || kind == MessageKind::kTaskRequest; }

Envelope envelope_of(std::string_view json, const std::string& from) {
  const JsonObject object(json);
  Envelope envelope;
  envelope.id = object.id();
  envelope.from = from;
  envelope.to = object.handle("to");
  if (envelope.to == from) {
    throw Problem::field("to", "another agent");
  }
  envelope.kind = kind_named(object.name("kind", 32));
  if (is_request(envelope.kind)) {
    if (object.has("in_reply_to")) {
      throw Problem::field("in_reply_to", "none for a request");
    }
  } else {
    envelope.in_reply_to = object.id("in_reply_to");
  }
  envelope.body = object.object("body", kBodyBytesMax);
  object.end();
  return envelope;
}

JsonText Inbox::json() const {
  JsonText text;
  text.raw("messages", messages).integer("acked", acked).boolean("has_more", has_more);
  return text;
}

Answer Mailboxes::accept(Records& records, const Envelope& envelope, std::int64_t now_ms) const {
  const std::string key = message_key(envelope.from, envelope.id);
  const std::string digest = hex(sha256(
      fmt::format("{}\n{}\n{}\n{}", envelope.to, to_string(envelope.kind), envelope.in_reply_to, envelope.body)));
  if (const std::optional<Message> first = find_message(records, envelope.from, envelope.id)) {
    if (first->digest != digest) {
      throw Problem(409, "id_reused", fmt::format("the message {} was sent with other content", envelope.id));
    }
    return answer_of(envelope.id, *first, false);
  }
  if (!is_request(envelope.kind)) {
    const std::optional<Message> original = find_message(records, envelope.to, envelope.in_reply_to);
    if (!original || original->to != envelope.from || !answers(envelope.kind, original->kind)) {
      throw Problem(404, "unknown_message",
                    fmt::format("{} sent you no message {} that a {} answers", envelope.to, envelope.in_reply_to,
                                to_string(envelope.kind)));
    }
    const std::string of_original = answer_key(message_key(envelope.to, envelope.in_reply_to), envelope.kind);
    if (const std::optional<std::string> there_is = records.get(kAnswers, of_original)) {
      if (envelope.kind == MessageKind::kReceipt) {
        return answer_of(*there_is, message_of(records, envelope.from, *there_is), false);
      }
      throw Problem(409, "already_answered", fmt::format("{} was answered with {}", envelope.in_reply_to, *there_is));
    }
    records.put(kAnswers, of_original, envelope.id);
  }
  Box box = box_of(records, envelope.to);
  if (box.last - box.acked >= kWaitingMax) {
    Problem problem(429, "inbox_full", fmt::format("{} messages wait for {}", kWaitingMax, envelope.to));
    problem.with_retry_after(1);
    throw problem;
  }
  ++box.last;
  put_box(records, envelope.to, box);
  const Message message{envelope.to, envelope.kind, digest, box.last, now_ms};
  records.put(kMessages, key, encode(message));
  records.put(kByAge, age_key(now_ms, key), "");
  JsonText delivered;
  delivered.integer("sequence", message.sequence)
      .text("id", envelope.id)
      .text("from", envelope.from)
      .text("to", envelope.to)
      .text("kind", to_string(envelope.kind));
  if (!is_request(envelope.kind)) {
    delivered.text("in_reply_to", envelope.in_reply_to);
  }
  delivered.raw("body", envelope.body).integer("at", message.at);
  records.put(kWaiting, waiting_key(envelope.to, message.sequence), delivered.object());
  forget_old(records, now_ms);
  return answer_of(envelope.id, message, true);
}

std::int64_t Mailboxes::acknowledge(Records& records, const std::string& owner, std::int64_t up_to) const {
  Box box = box_of(records, owner);
  if (up_to > box.last) {
    throw Problem(400, "ack_beyond_inbox", fmt::format("up_to is {}, and the last message is {}", up_to, box.last));
  }
  if (up_to <= box.acked) {
    return box.acked;
  }
  const auto count = static_cast<std::size_t>(up_to - box.acked);
  for (const Record& record : records.list(kWaiting, owner + "/", waiting_key(owner, box.acked), count)) {
    records.remove(kWaiting, record.key);
  }
  box.acked = up_to;
  put_box(records, owner, box);
  return box.acked;
}

Inbox Mailboxes::inbox(const Records& records, const std::string& owner, std::optional<std::int64_t> after,
                       std::size_t limit) const {
  const Box box = box_of(records, owner);
  const std::int64_t from = std::max(after.value_or(box.acked), box.acked);
  Inbox inbox;
  inbox.acked = box.acked;
  std::vector<std::string> page;
  std::size_t bytes = 0;
  for (Record& record : records.list(kWaiting, owner + "/", waiting_key(owner, from), limit + 1)) {
    if (page.size() == limit || (!page.empty() && bytes + record.value.size() > kPageBytesMax)) {
      inbox.has_more = true;
      break;
    }
    bytes += record.value.size();
    page.push_back(std::move(record.value));
  }
  inbox.messages = json_array(page);
  inbox.count = page.size();
  return inbox;
}

bool Mailboxes::knows(const Records& records, const std::string& from, const std::string& id) const {
  return records.get(kMessages, message_key(from, id)).has_value();
}

std::string Mailboxes::receiver(const Records& records, const std::string& from, const std::string& id) const {
  return message_of(records, from, id).to;
}

std::string Mailboxes::state(const Records& records, const std::string& from, const std::string& id,
                             bool receiver_is_revoked) const {
  const Message message = message_of(records, from, id);
  std::string_view state = "stored";
  if (records.get(kAnswers, answer_key(message_key(from, id), MessageKind::kReceipt))) {
    state = "receipted";
  } else if (message.sequence <= box_of(records, message.to).acked) {
    state = "acknowledged";
  } else if (receiver_is_revoked) {
    state = "undeliverable";
  }
  return JsonText()
      .text("id", id)
      .text("to", message.to)
      .text("kind", to_string(message.kind))
      .integer("sequence", message.sequence)
      .integer("at", message.at)
      .text("state", state)
      .object();
}

}  // namespace mesh

// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_RELAY_MAILBOXES_H_
#define MESH_RELAY_MAILBOXES_H_

// Messages between agents, each in the inbox of its receiver until that acknowledges it. No network and no clock: the
// caller has checked who asks and whom it may write to, and runs each call in a transaction. What is refused throws
// Problem, and then nothing has changed.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mesh/answer.h"
#include "mesh/records.h"

namespace mesh {

enum class MessageKind { kQueryRequest, kTaskRequest, kQueryResponse, kTaskResponse, kReceipt };

std::string_view to_string(MessageKind kind);  // "query_request"
bool is_request(MessageKind kind);

struct Envelope {
  std::string id;
  std::string from;
  std::string to;
  MessageKind kind = MessageKind::kQueryRequest;
  std::string in_reply_to;  // Empty for requests.
  std::string body;         // A JSON object, as it was sent.
};

// Reads what an agent sends.
Envelope envelope_of(std::string_view json, const std::string& from);

struct Inbox {
  std::string messages;  // A JSON array.
  std::size_t count = 0;
  std::int64_t acked = 0;
  bool has_more = false;

  JsonText json() const;
};

class Mailboxes {
 public:
  static constexpr std::int64_t kWaitingMax = 10000;                               // In one inbox.
  static constexpr std::int64_t kRemembered = std::int64_t{7} * 24 * 3600 * 1000;  // How long an id is, in ms.

  Answer accept(Records& records, const Envelope& envelope, std::int64_t now_ms) const;
  // Returns what is acknowledged now.
  std::int64_t acknowledge(Records& records, const std::string& owner, std::int64_t up_to) const;

  Inbox inbox(const Records& records, const std::string& owner, std::optional<std::int64_t> after,
              std::size_t limit) const;

  // Whether the sender used this id before.
  bool knows(const Records& records, const std::string& from, const std::string& id) const;
  // To whom a message went; the sender asks.
  std::string receiver(const Records& records, const std::string& from, const std::string& id) const;
  std::string state(const Records& records, const std::string& from, const std::string& id,
                    bool receiver_is_revoked) const;
};

}  // namespace mesh

#endif  // MESH_RELAY_MAILBOXES_H_

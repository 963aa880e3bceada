// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_EDGE_EDGE_STATE_H_
#define MESH_EDGE_EDGE_STATE_H_

// What an edge worker knows about its messages: what it still has to send, what it has handled, whose answers and
// receipts are outstanding. It is a fold over the lines of its journal: apply() each, in order, and the worker is where
// it was. Pure.
//
// A line is one step, so that a crash leaves all of it or nothing: a handled message and what the worker sends because
// of it are the same line.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mesh {

struct Outgoing {
  std::string id;  // "m-17", from EdgeState::next_id(): unique for this sender for ever.
  std::string to;
  std::string kind;         // "query_request", ... , "receipt"
  std::string in_reply_to;  // Empty for a request.
  std::string body;         // A JSON object.
  friend bool operator==(const Outgoing&, const Outgoing&) = default;
};

// A message in the inbox.
struct Incoming {
  std::uint64_t sequence = 0;
  std::string id;
  std::string from;
  std::string kind;
  std::string in_reply_to;
  std::string body;
  friend bool operator==(const Incoming&, const Incoming&) = default;
};

// A message of ours that is not settled: a request until its response and its receipt, a response until its receipt.
struct Unsettled {
  std::string kind;
  bool answered = false;
  bool receipted = false;
  friend bool operator==(const Unsettled&, const Unsettled&) = default;
};

class EdgeState {
 public:
  // The lines of each step. `number` of next_id() rises with each message in them.
  static std::string request_line(std::uint64_t iteration, const Outgoing& request);
  static std::string handled_line(const Incoming& message, const std::vector<Outgoing>& replies);
  static std::string sent_line(std::string_view id);
  // The service has refused it for good.
  static std::string dropped_line(std::string_view id);
  static std::string mark_line(std::string_view name, std::uint64_t value);
  // The whole state, for a journal that begins anew.
  std::string snapshot_line() const;

  // Throws soak::Error(kProtocol) for a line that none of these wrote.
  void apply(std::string_view line);

  // The ids of the next message that is not in the journal yet, and those after it.
  std::string next_id(std::size_t further = 0) const;
  std::uint64_t iteration() const { return iteration_; }  // Of the last request; 0 before the first.
  const std::deque<Outgoing>& outbox() const { return outbox_; }
  std::uint64_t handled_up_to() const { return handled_up_to_; }  // What may be acknowledged.
  bool has_handled(const Incoming& message) const;
  const std::optional<Incoming>& last_handled() const { return last_handled_; }  // Without its body.
  const std::map<std::string, Unsettled>& unsettled() const { return unsettled_; }
  std::uint64_t mark(std::string_view name) const;  // 0 if it was never set.

  // How many of the newest messages it knows by their sender and id, should their number in the inbox change.
  static constexpr std::size_t kRecentMax = 4096;

  friend bool operator==(const EdgeState&, const EdgeState&) = default;

 private:
  void add(Outgoing message);
  void remember_handled(std::string from, std::string id);
  void settle(const std::string& id, bool by_receipt);

  std::uint64_t number_ = 1;
  std::uint64_t iteration_ = 0;
  std::uint64_t handled_up_to_ = 0;
  std::deque<Outgoing> outbox_;
  std::map<std::string, Unsettled> unsettled_;
  std::map<std::string, std::uint64_t, std::less<>> marks_;
  std::optional<Incoming> last_handled_;
  std::deque<std::pair<std::string, std::string>> recent_;
  std::set<std::pair<std::string, std::string>> recent_set_;
};

}  // namespace mesh

#endif  // MESH_EDGE_EDGE_STATE_H_

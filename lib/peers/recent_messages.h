// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_RECENT_MESSAGES_H_
#define SOAK_LIB_PEERS_RECENT_MESSAGES_H_

// The last messages of a channel's fake: those that a client can edit, delete and read.

#include <algorithm>
#include <cstddef>
#include <deque>
#include <string_view>
#include <utility>

namespace soak::peers {

// A Message has the members `conversation` and `id`, which are strings.
template <typename Message>
class RecentMessages {
 public:
  explicit RecentMessages(std::size_t kept) : kept_(kept) {}

  // The oldest one goes where there is no room.
  void add(Message message) {
    messages_.push_back(std::move(message));
    if (messages_.size() > kept_) {
      messages_.pop_front();
    }
  }

  // Null if it was never there, or is there no more. Valid until the next add() or erase().
  Message* find(std::string_view conversation, std::string_view id) {
    const auto found = position(conversation, id);
    return found == messages_.end() ? nullptr : &*found;
  }
  bool erase(std::string_view conversation, std::string_view id) {
    const auto found = position(conversation, id);
    if (found == messages_.end()) {
      return false;
    }
    messages_.erase(found);
    return true;
  }

  // From the oldest to the newest.
  const std::deque<Message>& all() const { return messages_; }

 private:
  typename std::deque<Message>::iterator position(std::string_view conversation, std::string_view id) {
    return std::find_if(messages_.begin(), messages_.end(), [&](const Message& message) {
      return message.id == id && message.conversation == conversation;
    });
  }

  std::size_t kept_;
  std::deque<Message> messages_;
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_RECENT_MESSAGES_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_VOICE_OPENAI_HISTORY_H_
#define SOAK_LIB_VOICE_OPENAI_HISTORY_H_

// What a conversation has said, as text, for a session that has to be told: the newest of it, up to a bound. Calls of
// functions and their results are not in it: the answers say what came of them, and what the bound could leave, a call
// without its result or a result without its call, is a question that nobody answers, or an error.

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "soak/voice/openai_realtime.h"

namespace soak::voice {

class History {
 public:
  struct Item {
    Transcript::Speaker speaker;
    std::string id;
    std::string text;  // Empty until it is known.
    bool broken_off = false;
  };

  explicit History(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // An item begins here in the conversation; its text may come after that of later ones.
  void begin(Transcript::Speaker speaker, std::string_view item_id);
  // Its whole text. Begins it, if nobody has.
  void complete(Transcript::Speaker speaker, std::string_view item_id, std::string_view text);
  // What was heard of it is not what its text will say: it has none.
  void break_off(std::string_view item_id);

  // In their order, those without a text too.
  const std::deque<Item>& items() const { return items_; }

 private:
  Item* find(std::string_view item_id);
  static std::size_t size_of(const Item& item) { return sizeof item + item.id.size() + item.text.size(); }
  void cut();

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::deque<Item> items_;
};

}  // namespace soak::voice

#endif  // SOAK_LIB_VOICE_OPENAI_HISTORY_H_

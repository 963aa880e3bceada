// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/openai/history.h"

#include <algorithm>

namespace soak::voice {

History::Item* History::find(std::string_view item_id) {
  // From the back: what is looked for is new.
  const auto found = std::find_if(items_.rbegin(), items_.rend(), [&](const Item& item) { return item.id == item_id; });
  return found == items_.rend() ? nullptr : &*found;
}

void History::begin(Transcript::Speaker speaker, std::string_view item_id) {
  if (item_id.empty() || find(item_id) != nullptr) {
    return;
  }
  items_.push_back({speaker, std::string(item_id), {}});
  bytes_ += size_of(items_.back());
  cut();
}

void History::complete(Transcript::Speaker speaker, std::string_view item_id, std::string_view text) {
  begin(speaker, item_id);
  Item* const item = find(item_id);
  if (item == nullptr || item->broken_off) {
    return;
  }
  bytes_ -= size_of(*item);
  item->text = text;
  bytes_ += size_of(*item);
  cut();
}

void History::break_off(std::string_view item_id) {
  begin(Transcript::Speaker::kAssistant, item_id);
  Item* const item = find(item_id);
  if (item == nullptr) {
    return;
  }
  bytes_ -= item->text.size();
  item->text.clear();
  item->broken_off = true;
}

void History::cut() {
  while (bytes_ > bytes_max_) {
    bytes_ -= size_of(items_.front());
    items_.pop_front();
  }
}

}  // namespace soak::voice

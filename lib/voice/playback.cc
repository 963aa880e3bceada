// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/playback.h"

#include <algorithm>

namespace soak::voice {

void Playback::add(std::string_view item_id, std::size_t bytes, Instant now) {
  const std::chrono::nanoseconds duration(static_cast<std::int64_t>(bytes) * 1'000'000'000 /
                                          static_cast<std::int64_t>(bytes_per_second_));
  const Instant begins = items_.empty() ? now : std::max(now, items_.back().ends);
  if (items_.empty() || items_.back().id != item_id) {
    while (!items_.empty() && items_.front().ends <= now) {
      items_.pop_front();
    }
    items_.push_back({std::string(item_id), std::chrono::nanoseconds::zero(), begins});
  }
  items_.back().duration += duration;
  items_.back().ends = begins + duration;
}

std::vector<Playback::Played> Playback::stop(Instant now) {
  std::vector<Played> cut;
  for (const Item& item : items_) {
    if (item.ends <= now) {
      continue;
    }
    const std::chrono::nanoseconds heard =
        item.duration - std::min<std::chrono::nanoseconds>(item.duration, item.ends - now);
    cut.push_back({item.id, std::chrono::duration_cast<std::chrono::milliseconds>(heard).count()});
  }
  items_.clear();
  return cut;
}

}  // namespace soak::voice

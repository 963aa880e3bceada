// SPDX-License-Identifier: Apache-2.0
#include "lib/run/marks.h"

#include <algorithm>

#include "lib/text/utf8.h"

namespace soak {

bool Marks::add(std::chrono::nanoseconds at, std::string_view kind, std::string_view text) noexcept {
  if (kept_.size() == kMarksMax) {
    ++dropped_;
    return false;
  }
  Kept& mark = kept_.emplace_back();  // Never beyond what the constructor reserved.
  mark.at = at;
  const auto keep = [](auto& kept, std::string_view words) {
    const std::string_view fitting = text::first_bytes(words, kept.bytes.size());
    std::copy(fitting.begin(), fitting.end(), kept.bytes.begin());
    kept.used = fitting.size();
  };
  keep(mark.kind, kind);
  keep(mark.text, text);
  return true;
}

std::vector<report::Mark> Marks::all() const {
  const auto words = [](const auto& kept) { return std::string(kept.bytes.data(), kept.used); };
  std::vector<report::Mark> marks;
  for (const Kept& mark : kept_) {
    marks.push_back({mark.at, words(mark.kind), words(mark.text)});
  }
  return marks;
}

}  // namespace soak

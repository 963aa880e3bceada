// SPDX-License-Identifier: Apache-2.0
#include "soak/peers/channel_ledger.h"

#include <charconv>

#include "lib/peers/fnv.h"

namespace soak::peers {

MessageKey whole_text_key(std::string_view text) {
  MessageKey key{.key = fnv1a(text)};
  constexpr std::string_view kDigits = "0123456789";
  const std::size_t first = text.find_first_of(kDigits);
  if (first == std::string_view::npos) {
    return key;
  }
  std::uint64_t number = 0;
  const std::string_view from = text.substr(first);
  if (std::from_chars(from.data(), from.data() + from.size(), number).ec == std::errc()) {
    key.order = number;
  }
  return key;
}

std::string_view name(ChannelFindingKind kind) {
  switch (kind) {
    case ChannelFindingKind::kStoredTwice:
      return "stored_twice";
    case ChannelFindingKind::kOutOfOrder:
      return "out_of_order";
    case ChannelFindingKind::kInsideWindow:
      return "inside_window";
    case ChannelFindingKind::kCredentialRefused:
      return "credential_refused";
    case ChannelFindingKind::kSentAgain:
      return "sent_again";
    case ChannelFindingKind::kWave:
      return "wave";
  }
  return "unknown";
}

}  // namespace soak::peers

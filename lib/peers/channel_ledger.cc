// SPDX-License-Identifier: Apache-2.0
#include "soak/peers/channel_ledger.h"

#include <fmt/format.h>

#include <charconv>

#include "lib/peers/fnv.h"
#include "soak/detail/enum_names.h"

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

namespace {

constexpr detail::EnumNames<ChannelFindingKind> kFindingNames({{ChannelFindingKind::kStoredTwice, "stored_twice"},
                                                               {ChannelFindingKind::kOutOfOrder, "out_of_order"},
                                                               {ChannelFindingKind::kInsideWindow, "inside_window"},
                                                               {ChannelFindingKind::kCredentialRefused,
                                                                "credential_refused"},
                                                               {ChannelFindingKind::kSentAgain, "sent_again"},
                                                               {ChannelFindingKind::kWave, "wave"}});

}  // namespace

std::string_view to_string(ChannelFindingKind kind) { return kFindingNames[kind]; }

std::string to_string(const ChannelLedger& ledger) {
  return fmt::format(
      "requests={} stored={} deduplicated={} refused={} rate_limited={} failed={} resets={} polls={} auth_failures={} "
      "stored_twice={} out_of_order={} inside_window={} sent_again={} max_consecutive_429s={} largest_wave={} "
      "edited={} deleted={}",
      ledger.requests, ledger.messages_stored, ledger.messages_deduplicated, ledger.refused, ledger.rate_limited,
      ledger.failed, ledger.resets, ledger.polls, ledger.credential_failures, ledger.stored_twice, ledger.out_of_order,
      ledger.inside_window, ledger.sent_again, ledger.longest_429_row, ledger.largest_wave, ledger.messages_edited,
      ledger.messages_deleted);
}

}  // namespace soak::peers

// SPDX-License-Identifier: Apache-2.0
#include "soak/peers/channel_verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace soak::peers {
namespace {

constexpr std::uint64_t kWaveMin = 4;

class Judge {
 public:
  explicit Judge(const ChannelLedger& ledger) : ledger_(ledger) {}

  void add(std::uint64_t times, const char* subject, const char* what, ChannelFindingKind kind) {
    if (times == 0) {
      return;
    }
    probe::Finding finding{subject, fmt::format("{}: {} {}", subject, times, what), {}};
    for (const ChannelFinding& seen : ledger_.findings) {
      if (seen.kind == kind) {
        finding.evidence.push_back({"seen", seen.text});
      }
    }
    findings_.push_back(std::move(finding));
  }

  std::vector<probe::Finding> take() { return std::move(findings_); }

 private:
  const ChannelLedger& ledger_;
  std::vector<probe::Finding> findings_;
};

}  // namespace

std::vector<probe::Finding> judge(const ChannelLedger& ledger) {
  Judge judge(ledger);
  judge.add(ledger.inside_window, "retry_after_honoured", "requests came inside a Retry-After window, allowed 0",
            ChannelFindingKind::kInsideWindow);
  judge.add(ledger.stored_twice, "stored_twice", "messages were stored twice, allowed 0",
            ChannelFindingKind::kStoredTwice);
  judge.add(ledger.sent_again, "sent_again", "messages that may have arrived came again, allowed 0",
            ChannelFindingKind::kSentAgain);
  judge.add(ledger.out_of_order, "order_kept",
            "messages were stored after a later one of their conversation, allowed 0", ChannelFindingKind::kOutOfOrder);
  judge.add(ledger.credential_failures, "credential_followed",
            "requests used a credential after its refusal, allowed 0", ChannelFindingKind::kCredentialRefused);
  const bool in_step = ledger.largest_wave >= kWaveMin && 2 * ledger.largest_wave > ledger.conversations;
  judge.add(in_step ? ledger.largest_wave : 0, "spread", "conversations backed off in step", ChannelFindingKind::kWave);
  return judge.take();
}

bool has_message(const ChannelLedger& ledger, std::string_view text) {
  const std::uint64_t key = whole_text_key(text).key;
  return std::any_of(ledger.last_requests.rbegin(), ledger.last_requests.rend(),
                     [key](const ChannelRequest& request) { return request.stored && request.key == key; });
}

}  // namespace soak::peers

// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/channel_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "lib/peers/fnv.h"
#include "lib/text/format.h"

namespace soak::peers {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kFindingsOfAKind = 5;
constexpr std::size_t kUnknownMax = 256;  // Of one conversation.
constexpr nanoseconds kTogether = std::chrono::milliseconds{100};
// So long after a shared window a conversation that it may have held back is looked at.
constexpr nanoseconds kReturns = std::chrono::minutes{1};

std::string subject(const ChannelRequest& request) {
  if (!request.conversation.empty()) {
    return "conversation " + request.conversation;
  }
  return request.limit.empty() ? "without a conversation" : request.limit;
}

const std::string& limited_as(const ChannelRequest& request) {
  return request.limit.empty() ? request.conversation : request.limit;
}

// Forgets the one that was silent for longest, if there is no room for one more. Returns whether it did.
template <typename State>
bool make_room(std::unordered_map<std::string, State>& states, std::size_t max) {
  if (states.size() < std::max<std::size_t>(max, 1)) {
    return false;
  }
  const auto silent = std::min_element(states.begin(), states.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second.last_at, std::string_view(a.first)) <
           std::pair(b.second.last_at, std::string_view(b.first));
  });
  states.erase(silent);
  return true;
}

}  // namespace

RecentKeys::RecentKeys(std::size_t kept) : kept_(std::max<std::size_t>(kept, 1)) {
  younger_.resize(std::bit_ceil(2 * kept_));
  older_.resize(younger_.size());
}

std::size_t RecentKeys::slot_of(const Table& table, std::uint64_t key) {
  const std::size_t mask = table.size() - 1;
  std::size_t slot = (key ^ (key >> 32U)) & mask;
  while (table[slot] != 0 && table[slot] != key) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

bool RecentKeys::contains(const Table& table, std::uint64_t key) { return table[slot_of(table, key)] == key; }

bool RecentKeys::add(std::uint64_t key) {
  if (key == 0) {
    key = 1;
  }
  if (contains(older_, key) || contains(younger_, key)) {
    return false;
  }
  younger_[slot_of(younger_, key)] = key;
  if (++size_ >= kept_) {
    std::swap(older_, younger_);
    std::fill(younger_.begin(), younger_.end(), 0);
    size_ = 0;
  }
  return true;
}

std::string ChannelBook::wall_time() const {
  const auto now = std::chrono::floor<std::chrono::seconds>(loop_.wall_now());
  const std::chrono::hh_mm_ss<std::chrono::seconds> clock(now - std::chrono::floor<std::chrono::days>(now));
  return fmt::format("{:02}:{:02}:{:02}", clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

void ChannelBook::find(ChannelFindingKind kind, std::string text) {
  if (++found_[static_cast<std::size_t>(kind)] > kFindingsOfAKind) {
    return;
  }
  ledger_.findings.push_back({kind, std::move(text)});
}

ConversationState& ChannelBook::conversation(const std::string& id) {
  if (const auto known = conversations_.find(id); known != conversations_.end()) {
    return known->second;
  }
  if (make_room(conversations_, options_.conversations_max)) {
    ++ledger_.conversations_forgotten;
  }
  ++ledger_.conversations;
  ConversationState& made = conversations_[id];
  made.last_at = loop_.now();
  return made;
}

LimitState& ChannelBook::limit(const ChannelRequest& request) {
  const std::string& name = limited_as(request);
  if (const auto known = limits_.find(name); known != limits_.end()) {
    return known->second;
  }
  make_room(limits_, options_.conversations_max);
  LimitState& made = limits_[name];
  made.last_at = loop_.now();
  return made;
}

std::optional<ChannelBook::Refused> ChannelBook::arrive(ChannelRequest& request) {
  const Instant now = loop_.now();
  request.at = now;
  ++ledger_.requests;
  const RetryWindow* inside = nullptr;
  Scope scope = Scope::kConversation;
  if (!request.conversation.empty()) {
    conversation(request.conversation).last_at = now;
  }
  if (!limited_as(request).empty()) {
    LimitState& state = limit(request);
    const Instant shared_until = std::max(credential_window_.until, address_window_.until);
    const bool after_shared = shared_until != Instant{} && state.last_at < shared_until && now >= shared_until &&
                              now < shared_until + kReturns;
    state.last_at = now;
    if (state.window.open(now)) {
      inside = &state.window;
    }
    const bool shared_open = credential_window_.open(now) || address_window_.open(now);
    if (inside == nullptr && !shared_open) {
      look_at_return(state, after_shared);
    }
  }
  if (credential_window_.open(now)) {
    inside = &credential_window_;
    scope = Scope::kCredential;
  }
  if (address_window_.open(now)) {
    inside = &address_window_;
    scope = Scope::kAddress;
  }
  if (inside == nullptr) {
    return std::nullopt;
  }
  if (was_under_way(request, *inside)) {
    ++ledger_.under_way_in_window;
  } else {
    ++ledger_.inside_window;
    find(ChannelFindingKind::kInsideWindow,
         fmt::format("{}: {}, next request {:.1f} s later", scope == Scope::kConversation ? subject(request) : "all",
                     inside->said, text::seconds(now - inside->from)));
  }
  return Refused{scope, inside->until - now};
}

// A request on the connection that carried the refusal, or one that repeats the refused message, was sent knowing of
// it.
bool ChannelBook::was_under_way(const ChannelRequest& request, const RetryWindow& window) const {
  if (request.connection == window.connection || (request.key != 0 && request.key == window.key)) {
    return false;
  }
  return loop_.now() - window.from < options_.in_flight;
}

void ChannelBook::look_at_return(LimitState& limit, bool after_shared) {
  if (!limit.limited && !after_shared) {
    return;
  }
  limit.limited = false;
  const Instant now = loop_.now();
  while (!returns_.empty() && now - returns_.front() >= kTogether) {
    returns_.pop_front();
  }
  returns_.push_back(now);
  if (returns_.size() <= ledger_.largest_wave) {
    return;
  }
  ledger_.largest_wave = returns_.size();
  if (returns_.size() < 2) {
    return;
  }
  std::string text =
      fmt::format("{}: {} conversations came back within 100 ms after a limit", wall_time(), returns_.size());
  if (wave_finding_ == 0) {
    find(ChannelFindingKind::kWave, std::move(text));
    wave_finding_ = ledger_.findings.size();
  } else {
    ledger_.findings[wave_finding_ - 1].text = std::move(text);
  }
}

void ChannelBook::open_window(Scope scope, const ChannelRequest& request, nanoseconds length, std::string_view said) {
  RetryWindow window;
  window.from = loop_.now();
  window.until = window.from + length;
  window.said = fmt::format("{} 429 with {}", wall_time(), said);
  window.connection = request.connection;
  window.key = request.key;
  switch (scope) {
    case Scope::kConversation:
      limit(request).window = std::move(window);
      return;
    case Scope::kCredential:
      credential_window_ = std::move(window);
      return;
    case Scope::kAddress:
      address_window_ = std::move(window);
      return;
  }
}

void ChannelBook::came(const ChannelRequest& request, bool safe) {
  const std::deque<std::uint64_t>& unknown = conversation(request.conversation).unknown;
  if (std::find(unknown.begin(), unknown.end(), request.key) == unknown.end()) {
    return;
  }
  if (safe) {
    ++ledger_.unknown_outcomes_resolved;
    return;
  }
  ++ledger_.sent_again;
  find(ChannelFindingKind::kSentAgain,
       fmt::format("{}: {} a message came again that may have arrived before", subject(request), wall_time()));
}

void ChannelBook::store(ChannelRequest& request, const MessageKey& key) {
  request.stored = true;
  ++ledger_.messages_stored;
  ConversationState& state = conversation(request.conversation);
  const std::string message = key.order ? fmt::format("message {}", *key.order) : std::string("a message");
  // The same key in another conversation is another message.
  const std::uint64_t place = fnv1a(request.conversation);
  if (!keys_.add(key.key ^ (place * 0x9e3779b97f4a7c15U))) {
    ++ledger_.stored_twice;
    find(ChannelFindingKind::kStoredTwice,
         fmt::format("{}: {} {} was stored again", subject(request), wall_time(), message));
    return;
  }
  if (!key.order) {
    return;
  }
  if (state.highest && *key.order < *state.highest) {
    ++ledger_.out_of_order;
    find(ChannelFindingKind::kOutOfOrder,
         fmt::format("{}: {} {} was stored after message {}", subject(request), wall_time(), message, *state.highest));
  }
  state.highest = std::max(state.highest.value_or(0), *key.order);
}

void ChannelBook::lose(const ChannelRequest& request) {
  ++ledger_.unknown_outcomes;
  std::deque<std::uint64_t>& unknown = conversation(request.conversation).unknown;
  unknown.push_back(request.key);
  if (unknown.size() > kUnknownMax) {
    unknown.pop_front();
  }
}

void ChannelBook::rotated() {
  ++ledger_.rotations;
  rotated_at_ = loop_.now();
  rotated_wall_ = wall_time();
  first_refusal_.reset();
  confirmed_ = false;
  followed_ = false;
}

void ChannelBook::refuse_credential(const ChannelRequest& request, bool outdated) {
  const Instant now = loop_.now();
  if (outdated && rotated_at_) {
    if (!first_refusal_) {
      first_refusal_ = now;
    }
    if (now == *first_refusal_ || now - *first_refusal_ < options_.in_flight) {
      ++ledger_.rotation_refusals;
      return;
    }
    if (!confirmed_ && !followed_) {
      confirmed_ = true;
      ++ledger_.rotation_refusals;
      return;
    }
  }
  ++ledger_.credential_failures;
  find(ChannelFindingKind::kCredentialRefused,
       outdated && rotated_at_
           ? fmt::format("{}: {} a credential that was rotated at {}, {:.1f} s after its first refusal",
                         subject(request), wall_time(), rotated_wall_, text::seconds(now - *first_refusal_))
           : fmt::format("{}: {} a credential that never was valid", subject(request), wall_time()));
}

void ChannelBook::answer(const ChannelRequest& request) {
  ++ledger_.answers_by_status[request.status];
  followed_ = followed_ || request.outcome == ChannelOutcome::kStored;
  switch (request.outcome) {
    case ChannelOutcome::kDeduplicated:
      ++ledger_.messages_deduplicated;
      break;
    case ChannelOutcome::kRefused:
      ++ledger_.refused;
      break;
    case ChannelOutcome::kRateLimited:
      ++ledger_.rate_limited;
      break;
    case ChannelOutcome::kFailed:
      ++ledger_.failed;
      break;
    case ChannelOutcome::kReset:
      ++ledger_.resets;
      break;
    case ChannelOutcome::kAnswered:
    case ChannelOutcome::kStored:
    case ChannelOutcome::kCredential:
      break;
  }
  if (!limited_as(request).empty()) {
    LimitState& state = limit(request);
    const bool limited = request.outcome == ChannelOutcome::kRateLimited;
    state.row = limited ? state.row + 1 : 0;
    if (limited) {
      state.limited = true;
    }
    ledger_.longest_429_row = std::max(ledger_.longest_429_row, state.row);
  }
  if (options_.requests_kept == 0) {
    return;
  }
  if (ledger_.last_requests.size() >= options_.requests_kept) {
    ledger_.last_requests.erase(ledger_.last_requests.begin());
  }
  ledger_.last_requests.push_back(request);
}

}  // namespace soak::peers

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_CHANNELS_SERVICE_H_
#define SOAK_LIB_CHANNELS_SERVICE_H_

// In what the providers differ: how a message is asked to be delivered, and what an answer means.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "soak/net/http.h"

namespace soak::channels {

using std::chrono::nanoseconds;

struct Outgoing {
  std::string conversation;
  std::string text;
  std::string nonce;  // The same for each try.
};

enum class Meaning : std::uint8_t {
  kDelivered,
  kWait,               // Not delivered; to be sent again, no earlier than asked for.
  kUnknown,            // It may have been delivered.
  kRejected,           // Never, this message.
  kConversationGone,   // Never, any message to this conversation.
  kMoved,              // The conversation has another name from now on: `moved_to`.
  kCredentialRefused,  // Never, with this credential.
};

// How far a wait reaches.
enum class Reach : std::uint8_t { kConversation, kAll };

struct Answer {
  Answer() = default;
  Answer(Meaning what, std::string text) : meaning(what), why(std::move(text)) {}

  Meaning meaning = Meaning::kUnknown;
  std::string why;  // The provider's words, for a person; may hold a secret.
  std::string id;
  std::string moved_to;
  std::string conversation;  // Its id, of a message that is delivered; empty if it is not said.
  // No earlier than that, where the body says so in a form that can be obeyed. Else the field Retry-After may.
  std::optional<nanoseconds> wait;
  Reach reach = Reach::kConversation;
  // With any meaning: nothing more to this conversation for that long, though nothing was refused.
  nanoseconds pause{0};
  bool rate_limited = false;  // It is a 429.
  bool auth_failure = false;  // It is a 401 or 403 about the credential, or what stands for one.
  // With kCredentialRefused: it says more than a passing fault could, such as that the token has expired.
  bool refusal_is_certain = false;
  bool from_edge = false;          // Not the provider's: see lib/channels/edge.h.
  bool counts_as_invalid = false;  // Discord counts it against the address that it came from.
};

// One request each `interval`, `burst` of them at once after a rest.
struct Pace {
  nanoseconds interval{0};
  int burst = 1;
};

class Service {
 public:
  virtual ~Service() = default;
  Service() = default;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  virtual std::string_view name() const = 0;
  virtual std::string_view credential_name() const { return "token"; }

  // What is wrong with a conversation that no message can go to; empty for nothing.
  virtual std::string refuse_conversation(std::string_view conversation) const = 0;
  // What is wrong with a message that no request should be made for; empty for nothing.
  virtual std::string refuse(const Outgoing& message) const = 0;
  virtual net::HttpRequest request(const Outgoing& message, const std::string& credential) const = 0;
  virtual Answer read(const net::HttpResponse& response) const = 0;

  // Whether `conversation` is another name for one that has an id: "@news", "#general".
  virtual bool is_name(std::string_view /*conversation*/) const { return false; }
  // Conversations with the same value share a limit: a pace, and what a 429 asks for.
  virtual std::string limit_of(std::string_view conversation) const { return std::string(conversation); }
  virtual Pace conversation_pace(std::string_view conversation) const = 0;
  virtual Pace overall_pace() const = 0;

  // For how long after it was first sent a message that may have arrived can be sent again, because the provider knows
  // it by its nonce. 0: it cannot.
  virtual nanoseconds nonce_time() const { return nanoseconds{0}; }
};

// Why `text` cannot be sent: it is not UTF-8, or is empty or too long as the providers count it, in UTF-16 units, of
// which a code point above U+FFFF has two. Empty if it can.
std::string refuse_text(std::string_view text, std::size_t length_max);

}  // namespace soak::channels

#endif  // SOAK_LIB_CHANNELS_SERVICE_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_NOTICES_H_
#define SOAK_LIB_PEERS_NOTICES_H_

// What clients ask of a fake that it does not do: accepted options that it does not play, and names that it does not
// know. Each is named once in the log, when it first comes; the ledger counts how often.

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include "lib/peers/json_field.h"
#include "soak/event_loop.h"

namespace soak::peers {

class Notices {
 public:
  using Counts = std::map<std::string, std::uint64_t, std::less<>>;

  // `source` is a literal. The counts are those of the ledger.
  Notices(EventLoop& loop, std::string_view source, Counts& not_played, Counts& unknown)
      : loop_(loop), source_(source), not_played_(not_played), unknown_(unknown) {}

  void not_played(std::string_view what);
  void unknown(std::string_view what);

  // Notes those of the members of `object` that are set: there, and not null, "auto", 1, or empty. A member may be in
  // an object: "audio.input.noise_reduction".
  void not_played(const Field& object, std::initializer_list<std::string_view> members);

 private:
  void note(Counts& counts, std::string_view what, std::string_view message);

  EventLoop& loop_;
  std::string_view source_;
  Counts& not_played_;
  Counts& unknown_;
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_NOTICES_H_

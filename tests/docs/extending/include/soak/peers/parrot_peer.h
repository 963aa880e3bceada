// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_PARROT_PEER_H_
#define SOAK_PEERS_PARROT_PEER_H_

// A fake of the Parrot API, for clients under soak.

#include <cstdint>
#include <memory>
#include <string>

#include "soak/event_loop.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"

namespace soak::peers {

struct ParrotPeerOptions {
  std::uint16_t port = 0;     // 0 takes a free one.
  net::TlsIdentity tls = {};  // With a certificate it speaks `wss:`.
  std::uint64_t seed = 1;     // Nothing of it is random yet.
  std::string api_key = {};   // The only key it accepts; empty accepts any key, but not none.
};

struct ParrotLedger {
  std::uint64_t sessions_opened = 0;
  std::uint64_t sessions_open = 0;
  std::uint64_t sessions_closed = 0;
  std::uint64_t sessions_lost = 0;  // Of those closed: ended without a close frame.
  std::uint64_t auth_failures = 0;
  std::uint64_t audio_frames_received = 0;
};

// Its totals, on one line: "sessions=2 lost=0 ...".
std::string to_string(const ParrotLedger& ledger);

class ParrotPeer {
 public:
  // Listens at once. Throws Error(Errc::kConnectFailed) when it cannot.
  ParrotPeer(EventLoop& loop, ParrotPeerOptions options = {});
  ~ParrotPeer();

  std::string url() const;
  std::uint16_t port() const;
  const ParrotLedger& ledger() const;
  // Stops listening, and closes each session with 1001.
  Task<> close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::peers

#endif  // SOAK_PEERS_PARROT_PEER_H_

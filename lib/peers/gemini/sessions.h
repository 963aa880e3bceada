// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_GEMINI_SESSIONS_H_
#define SOAK_LIB_PEERS_GEMINI_SESSIONS_H_

// What a session of the fake of Gemini Live is beyond one connection, and the handles by which a later connection
// carries it on.

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "lib/peers/ids.h"
#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "soak/peers/gemini_live_peer.h"

namespace soak::peers::gemini {

struct StoredSession {
  using Ended = std::list<std::shared_ptr<StoredSession>>;

  StoredSession(std::string model_name, Instant at) : model(std::move(model_name)), began(at) {}

  // False once the client has closed, so that it may reconnect at once.
  bool is_connected() const { return connection != nullptr && connection->is_open(); }

  std::string model;
  Instant began;
  std::int64_t text_tokens = 0;  // In its context.
  std::int64_t audio_tokens = 0;
  const net::WebSocket* connection = nullptr;  // The last one that it is on; it may be closed, but lives.

  // Its handles begin with it, and say when they were given out: older ones are good as well, and their number need
  // not be kept. Empty until there is one.
  std::string key;
  Instant handle_at{};  // Of the last one.

  Instant ended_at{};
  std::optional<Ended::iterator> ended;  // Its place among the ended ones.
};

class Sessions {
 public:
  Sessions(EventLoop& loop, const GeminiLivePeerOptions& options) : loop_(loop), options_(options) {}

  std::shared_ptr<StoredSession> begin(std::string model);

  // Null for a handle that was never given out, or of a session that ended too long ago. One that is not the session's
  // last is good for as long after it was given out.
  std::shared_ptr<StoredSession> find(std::string_view handle);

  // A new handle of the session.
  std::string issue(const std::shared_ptr<StoredSession>& session, Ids& ids);

  // The session is on this connection now, or is on it no longer; the latter means nothing where it is on another.
  void connected(StoredSession& session, const net::WebSocket& connection);
  void disconnected(const std::shared_ptr<StoredSession>& session, const net::WebSocket& connection);

  // Nobody finds it any more.
  void forget(StoredSession& session);

 private:
  void forget_old();

  EventLoop& loop_;
  const GeminiLivePeerOptions& options_;
  std::map<std::string, std::shared_ptr<StoredSession>, std::less<>> by_key_;
  StoredSession::Ended ended_;  // In the order of their ends.
};

}  // namespace soak::peers::gemini

#endif  // SOAK_LIB_PEERS_GEMINI_SESSIONS_H_

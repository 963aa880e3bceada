// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_EXAMPLES_PUSHER_LISTEN_PAIR_WORLD_H_
#define TESTS_EXAMPLES_PUSHER_LISTEN_PAIR_WORLD_H_

// Listen and the pusher on one loop, with everything around them that can go wrong, drawn from a seed:
// - stores that fail, hang before or after they stored, are slow, reset, or are away for minutes;
// - speech to text that dies, refuses, or hangs;
// - a pusher that is replaced, as a deploy does, or killed, and comes back on the same address;
// - a listen that is replaced in the middle;
// - clients that close, vanish, fall silent without a hang-up, stop reading, leave at once, send what is no message, or
//   are refused.
// Whatever happens, no session outlives its connection by more than drain and grace allow, and the ledgers of both
// services balance.

#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "pusher/listen/listen.h"
#include "pusher/pusher.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/task.h"
#include "tests/examples/pusher/listen/speech_peer.h"
#include "tests/examples/pusher/listen/voice_client.h"
#include "tests/examples/pusher/store_peer.h"

namespace pusher::listen::tests {

struct PairOptions {
  std::uint64_t seed = 1;
  std::chrono::nanoseconds duration = std::chrono::hours{1};
  int clients = 4;
  // Between two faults of a kind; about half of it to one and a half times it.
  std::chrono::nanoseconds faults_every = std::chrono::minutes{10};
};

class PairWorld {
 public:
  PairWorld(soak::EventLoop& loop, PairOptions options);
  ~PairWorld();

  // Plays the whole time, and shuts everything down.
  soak::Task<> play();

  // The parts of play(), for a driver of its own: begin(), any number of session(), end().
  soak::Task<> begin();
  soak::Task<> session(int number);
  soak::Task<> end();

  // What is wrong, one line each; after play() or end().
  const std::vector<std::string>& complaints() const { return complaints_; }

  // At a quiescent point: the stores forget what they need no more.
  void rest();

  // Of the current instances.
  std::int64_t listen_active() const { return listens_.back()->active(); }
  std::int64_t pusher_active() const { return pushers_.back()->active(); }
  std::int64_t connections() const {
    return static_cast<std::int64_t>(listens_.back()->open_connections() + pushers_.back()->open_connections());
  }
  std::uint64_t sessions() const { return sessions_; }
  std::uint64_t faults() const { return faults_; }

 private:
  std::uint64_t below(std::uint64_t most) { return std::uniform_int_distribution<std::uint64_t>(0, most - 1)(random_); }
  std::chrono::nanoseconds up_to(std::chrono::nanoseconds most);
  std::chrono::nanoseconds until_fault();

  pusher::tests::StoreAnswer answer();
  void new_pusher(std::uint16_t port);
  void new_listen();
  soak::Task<> serve(pusher::Pusher& instance);
  soak::Task<> serve(Listen& instance);
  soak::Task<> store_outages();
  soak::Task<> speech_faults();
  soak::Task<> pusher_faults();
  soak::Task<> replace_listen();
  soak::Task<> watch();
  void settle_accounts();
  void retire_stopped();
  void retire(const pusher::Pusher& instance);
  void retire(const Listen& instance);
  soak::Task<> client(int number);
  soak::Task<> leave(VoiceClient& client);
  bool over() const { return stopping_ || loop_.elapsed() - began_ >= options_.duration; }

  soak::EventLoop& loop_;
  PairOptions options_;
  std::mt19937_64 random_;
  std::chrono::nanoseconds began_;
  pusher::tests::StorePeer stores_;
  SpeechPeer speech_;
  pusher::PusherOptions pusher_options_;
  ListenOptions listen_options_;
  // The newest is last. Of those that have stopped and were replaced, only the counts are kept.
  std::vector<std::unique_ptr<pusher::Pusher>> pushers_;
  std::vector<std::unique_ptr<Listen>> listens_;
  std::uint64_t instances_ = 0;
  std::set<const void*> stopped_;
  pusher::tests::LedgerTotals ledgers_;
  FlowCount audio_;
  bool stopping_ = false;
  soak::Instant away_until_{};
  pusher::tests::StoreAnswer away_ = pusher::tests::StoreAnswer::kHang;
  std::uint64_t sessions_ = 0;
  std::uint64_t faults_ = 0;
  std::vector<std::string> complaints_;
  soak::Event ending_;
  soak::TaskGroup services_;
  soak::TaskGroup world_;
};

}  // namespace pusher::listen::tests

#endif  // TESTS_EXAMPLES_PUSHER_LISTEN_PAIR_WORLD_H_

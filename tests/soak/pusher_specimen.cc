// SPDX-License-Identifier: Apache-2.0
// A SPECIMEN OF THE BUG. DO NOT COPY. See the header.
#include "pusher_specimen.h"

#include <chrono>
#include <utility>

#include "pusher/session.h"

namespace pusher::tests {

PusherSpecimen::PusherSpecimen(soak::EventLoop& loop, PusherOptions options)
    : loop_(loop),
      options_(std::move(options)),
      stores_(loop, options_.stores),
      integrations_(options_.limits.integrations_at_once),
      finalisations_(loop, options_.limits, stores_),
      server_(loop),
      sessions_(loop) {}

PusherSpecimen::~PusherSpecimen() {
  sessions_.end_in_place();
  finalisations_.tasks().end_in_place();
}

soak::Task<> PusherSpecimen::run() {
  for (std::uint64_t number = 1;; ++number) {
    soak::Task<soak::net::AcceptedWebSocket> accepting = server_.accept();
    soak::net::AcceptedWebSocket peer = co_await std::move(accepting);
    sessions_.start({"session", number}, serve(number, std::move(peer)), soak::TaskKind::kBackground);
  }
}

soak::Task<> PusherSpecimen::serve(std::uint64_t number, soak::net::AcceptedWebSocket peer) {
  const std::shared_ptr<soak::net::WebSocket> socket = std::move(peer.socket);
  active_.fetch_add(1, std::memory_order_relaxed);
  sockets_.emplace(number, socket);

  const Service service{loop_, options_, ledger_, stores_, integrations_};
  PusherSession session(service, finalisations_, number, peer.request.query_value("uid"), 16000, socket);
  soak::TaskGroup tasks(loop_);
  tasks.start({"receive", number}, session.receive(PusherSession::InputEnd(session)));
  tasks.start({"speaker_samples", number}, session.speaker_samples());
  tasks.start({"private_cloud", number}, session.private_cloud());
  tasks.start({"transcripts", number}, session.transcripts());
  tasks.start({"audio_bytes", number}, session.audio_bytes());
  // THE BUG: wait for all, however long that takes.
  constexpr std::chrono::hours kForever{24 * 365};
  soak::Task<soak::DrainResult> all = soak::drain(tasks, {.timeout = kForever, .label = "pusher_specimen"});
  const soak::DrainResult ended = co_await std::move(all);

  // The cleanup, which one upload that hangs keeps from ever running.
  soak::Task<> closing = socket->close();
  co_await std::move(closing);
  sockets_.erase(number);
  active_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace pusher::tests

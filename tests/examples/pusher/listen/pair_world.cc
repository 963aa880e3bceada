// SPDX-License-Identifier: Apache-2.0
#include "tests/examples/pusher/listen/pair_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "soak/error.h"

namespace pusher::listen::tests {

using namespace std::chrono_literals;
using pusher::tests::disagreements;
using pusher::tests::StoreAnswer;
using pusher::tests::StorePeer;
using soak::Task;

namespace {

std::uint16_t port_of(const std::string& url) {
  std::uint16_t port = 0;
  const std::size_t colon = url.rfind(':') + 1;
  std::from_chars(url.data() + colon, url.data() + url.size(), port);
  return port;
}

}  // namespace

PairWorld::PairWorld(soak::EventLoop& loop, PairOptions options)
    : loop_(loop),
      options_(options),
      random_(options.seed),
      began_(loop.elapsed()),
      stores_(loop),
      speech_(loop),
      services_(loop),
      world_(loop) {
  stores_.record = false;
  stores_.script = [this](const StorePeer::Request& request) {
    // Who is nobody is not found; the rest misbehaves as it comes.
    return request.path == "/v1/users/nobody" ? StoreAnswer::kGone : answer();
  };
  stores_.body = [this](const StorePeer::Request& request) -> std::string {
    const bool some = below(3) == 0;
    if (request.kind == "people" || request.kind == "pending-conversations") {
      return some ? R"({"ids":["x1","x2"]})" : "";
    }
    return request.kind == "speaker-match" && some ? "p1" : "";
  };
  pusher_options_.stores.url = stores_.url();
  pusher_options_.stores.timeout = below(2) == 0 ? 5s : 24h;
  pusher_options_.user.integrations = 2;
  new_pusher(0);
  listen_options_.pusher_url = pushers_.front()->url();
  listen_options_.speech_url = speech_.url();
  listen_options_.stores.url = stores_.url();
  listen_options_.stores.timeout = below(2) == 0 ? 5s : 24h;
  new_listen();
}

PairWorld::~PairWorld() {
  world_.end_in_place();
  services_.end_in_place();
}

std::chrono::nanoseconds PairWorld::up_to(std::chrono::nanoseconds most) {
  return std::chrono::milliseconds(below(static_cast<std::uint64_t>(most / 1ms)) + 1);
}

std::chrono::nanoseconds PairWorld::until_fault() { return options_.faults_every / 2 + up_to(options_.faults_every); }

StoreAnswer PairWorld::answer() {
  if (loop_.now() < away_until_) {
    return away_;
  }
  switch (below(50)) {
    case 0:
      return StoreAnswer::kHang;
    case 1:
      return StoreAnswer::kStoreAndHang;
    case 2:
      return StoreAnswer::kReset;
    case 3:
    case 4:
      return StoreAnswer::kFail;
    case 5:
      return StoreAnswer::kGone;
    case 6:
      return StoreAnswer::kSlow;
    default:
      return StoreAnswer::kStore;
  }
}

void PairWorld::new_pusher(std::uint16_t port) {
  pusher_options_.port = port;
  pushers_.push_back(std::make_unique<pusher::Pusher>(loop_, pusher_options_));
  services_.start({"pusher", ++instances_}, serve(*pushers_.back()), soak::TaskKind::kFinite);
}

void PairWorld::new_listen() {
  listens_.push_back(std::make_unique<Listen>(loop_, listen_options_));
  services_.start({"listen", ++instances_}, serve(*listens_.back()), soak::TaskKind::kFinite);
}

Task<> PairWorld::serve(pusher::Pusher& instance) {
  Task<pusher::ShutdownReport> running = instance.run();
  const pusher::ShutdownReport report = co_await std::move(running);
  const pusher::Limits& limits = pusher_options_.limits;
  if (report.took > limits.drain_timeout + limits.drain_grace + 1s || !report.sessions.unresponsive.empty()) {
    complaints_.push_back(fmt::format("a shutdown of the pusher took {} s", report.took / 1s));
  }
  stopped_.insert(&instance);
}

Task<> PairWorld::serve(Listen& instance) {
  Task<ShutdownReport> running = instance.run();
  const ShutdownReport report = co_await std::move(running);
  const Limits& limits = listen_options_.limits;
  if (report.took > limits.drain_timeout + limits.drain_grace + 1s || !report.sessions.unresponsive.empty()) {
    complaints_.push_back(fmt::format("a shutdown of listen took {} s", report.took / 1s));
  }
  stopped_.insert(&instance);
}

Task<> PairWorld::store_outages() {
  while (!over()) {
    const bool ended = co_await ending_.wait_for(until_fault());
    if (ended) {
      co_return;
    }
    const StoreAnswer ways[] = {StoreAnswer::kHang, StoreAnswer::kFail, StoreAnswer::kReset, StoreAnswer::kSlow};
    away_ = ways[below(4)];
    away_until_ = loop_.now() + up_to(300s);
    ++faults_;
  }
}

Task<> PairWorld::speech_faults() {
  while (!over()) {
    const bool ended = co_await ending_.wait_for(until_fault());
    if (ended) {
      co_return;
    }
    ++faults_;
    switch (below(3)) {
      case 0:
        speech_.die();
        break;
      case 1:
        speech_.refuse = true;
        break;
      default:
        speech_.hang(true);
        break;
    }
    const bool ended_meanwhile = co_await ending_.wait_for(up_to(90s));
    speech_.refuse = false;
    speech_.hang(false);
    if (ended_meanwhile) {
      co_return;
    }
  }
}

// Replaced by a deploy, or killed; back on the same address.
Task<> PairWorld::pusher_faults() {
  while (!over()) {
    const bool ended = co_await ending_.wait_for(until_fault());
    if (ended) {
      co_return;
    }
    ++faults_;
    pusher::Pusher& before = *pushers_.back();
    const std::uint16_t port = port_of(before.url());
    if (below(2) == 0) {
      before.kill();
      const bool soon = co_await ending_.wait_for(up_to(100s));
      static_cast<void>(soon);
    } else {
      before.stop();
    }
    while (before.listening()) {
      co_await soak::sleep_for(100ms);
    }
    new_pusher(port);
  }
}

Task<> PairWorld::replace_listen() {
  const bool ended = co_await ending_.wait_for(options_.duration / 3 + up_to(options_.duration / 3));
  if (ended) {
    co_return;
  }
  ++faults_;
  new_listen();
  listens_[listens_.size() - 2]->stop();
}

// Sessions whose connection has ended for longer than drain, grace and the closes allow.
Task<> PairWorld::watch() {
  std::vector<std::uint64_t> listen_before;
  std::vector<std::uint64_t> pusher_before;
  const Listen* listen = nullptr;
  const pusher::Pusher* pusher = nullptr;
  for (;;) {
    const bool same = std::exchange(listen, listens_.back().get()) == listens_.back().get() &&
                      std::exchange(pusher, pushers_.back().get()) == pushers_.back().get();
    std::vector<std::uint64_t> listen_now = listens_.back()->sessions_without_connection();
    std::vector<std::uint64_t> pusher_now = pushers_.back()->sessions_without_connection();
    const auto complain = [&](const char* who, const std::vector<std::uint64_t>& before,
                              const std::vector<std::uint64_t>& now) {
      for (const std::uint64_t session : now) {
        if (same && std::find(before.begin(), before.end(), session) != before.end()) {
          complaints_.push_back(fmt::format("{}: session {} is a ghost", who, session));
        }
      }
    };
    complain("listen", listen_before, listen_now);
    complain("pusher", pusher_before, pusher_now);
    listen_before = std::move(listen_now);
    pusher_before = std::move(pusher_now);
    const bool ended = co_await ending_.wait_for(60s);
    if (ended) {
      co_return;
    }
    retire_stopped();
  }
}

Task<> PairWorld::client(int number) {
  while (!over()) {
    Task<> one = session(number);
    co_await std::move(one);
    const bool ended = co_await ending_.wait_for(up_to(60s));
    if (ended) {
      co_return;
    }
  }
}

Task<> PairWorld::session(int number) {
  static constexpr const char* kQueries[] = {
      "uid=u{}&language=en&sample_rate=16000",    "uid=u{}&language=multi&sample_rate=16000",
      "uid=u{}&language=en&sample_rate=16000",    "uid=u{}&language=xx&sample_rate=16000",
      "uid=nobody&language=en&sample_rate=16000",
  };
  // One in eight is refused.
  const std::size_t kind = below(8) == 0 ? 3 + below(2) : below(3);
  std::string query = fmt::format(fmt::runtime(kQueries[kind]), number);
  try {
    Task<VoiceClient> connecting = VoiceClient::connect(loop_, listens_.back()->url(), std::move(query));
    VoiceClient client = co_await std::move(connecting);
    ++sessions_;
    if (below(8) != 0) {  // The others leave at once.
      Task<> streaming = client.stream(std::min<std::chrono::nanoseconds>(up_to(240s), options_.duration), 2s);
      co_await std::move(streaming);
    }
    Task<> leaving = leave(client);
    co_await std::move(leaving);
  } catch (const soak::Error&) {
    // The service has ended it, or is not there.
  }
}

Task<> PairWorld::leave(VoiceClient& client) {
  switch (below(7)) {
    case 0:
    case 1: {
      Task<> closing = client.close();
      co_await std::move(closing);
      break;
    }
    case 2:
    case 3:
      client.vanish();
      break;
    case 4: {  // Silent, without a hang-up.
      const bool ended = co_await ending_.wait_for(up_to(200s));
      static_cast<void>(ended);
      client.vanish();
      break;
    }
    case 5: {
      std::string noise(below(64) * 2 + 1, '\x7F');
      Task<> sending = client.socket().send_binary(std::move(noise));
      co_await std::move(sending);
      Task<soak::net::CloseStatus> closing = client.closed();
      const soak::net::CloseStatus status = co_await std::move(closing);
      static_cast<void>(status);
      break;
    }
    default: {  // Hangs.
      client.socket().set_reading(false);
      const bool ended = co_await ending_.wait_for(up_to(120s));
      static_cast<void>(ended);
      break;
    }
  }
}

Task<> PairWorld::begin() {
  world_.start("store_outages", store_outages(), soak::TaskKind::kFinite);
  world_.start("speech_faults", speech_faults(), soak::TaskKind::kFinite);
  world_.start("pusher_faults", pusher_faults(), soak::TaskKind::kFinite);
  world_.start("replace_listen", replace_listen(), soak::TaskKind::kFinite);
  world_.start("watch", watch(), soak::TaskKind::kFinite);
  co_await soak::sleep_for(1ms);
}

Task<> PairWorld::play() {
  Task<> beginning = begin();
  co_await std::move(beginning);
  for (int i = 0; i < options_.clients; ++i) {
    world_.start({"client", i}, client(i), soak::TaskKind::kFinite);
  }
  co_await soak::sleep_for(options_.duration);
  Task<> ending = end();
  co_await std::move(ending);
}

Task<> PairWorld::end() {
  stopping_ = true;
  ending_.set();
  Task<soak::DrainResult> played = soak::drain(world_, {.timeout = 10min});
  const soak::DrainResult left = co_await std::move(played);
  if (!left.clean()) {
    complaints_.push_back("a task of the test did not end");
  }
  listens_.back()->stop();
  co_await soak::sleep_for(41s);  // Until it has drained, whatever hangs.
  pushers_.back()->stop();
  Task<soak::DrainResult> stopping = soak::drain(services_, {.timeout = 2min});
  const soak::DrainResult stopped = co_await std::move(stopping);
  if (!stopped.clean()) {
    complaints_.push_back("a service did not stop");
  }
  stores_.release_hung();
  co_await soak::sleep_for(10s);  // Until the last connections have closed.
  settle_accounts();
}

void PairWorld::rest() {
  if (listens_.back()->active() == 0 && pushers_.back()->active() == 0) {
    stores_.release_hung();
    stores_.forget_keys();
  }
}

void PairWorld::retire_stopped() {
  const auto is_over = [this](const auto& instance) { return stopped_.erase(instance.get()) > 0; };
  const auto retire_all_but_newest = [&](auto& instances) {
    for (auto instance = instances.begin(); std::next(instance) != instances.end();) {
      if (is_over(*instance)) {
        retire(**instance);
        instance = instances.erase(instance);
      } else {
        ++instance;
      }
    }
  };
  retire_all_but_newest(pushers_);
  retire_all_but_newest(listens_);
}

void PairWorld::retire(const pusher::Pusher& instance) {
  ledgers_.add(instance.ledger());
  if (instance.active() != 0 || instance.open_connections() != 0) {
    complaints_.push_back(fmt::format("a pusher that has stopped has {} sessions and {} connections", instance.active(),
                                      instance.open_connections()));
  }
}

void PairWorld::retire(const Listen& instance) {
  if (instance.active() != 0 || instance.open_connections() != 0) {
    complaints_.push_back(fmt::format("a listen that has stopped has {} sessions and {} connections", instance.active(),
                                      instance.open_connections()));
  }
  for (std::size_t i = 0; i < kFlows; ++i) {
    const auto flow = static_cast<Flow>(i);
    const FlowCount& count = instance.flows().of(flow);
    if (count.held() != 0) {
      complaints_.push_back(fmt::format("listen: {}: accepted {}, sent {}, dropped {}", label_of(flow).view(),
                                        count.accepted, count.sent, count.dropped));
    }
  }
  const FlowCount& of = instance.flows().of(Flow::kAudio);
  audio_.sent += of.sent;
  audio_.unconfirmed += of.unconfirmed;
  audio_.tried += of.tried;
}

// After everything has stopped.
void PairWorld::settle_accounts() {
  for (const std::unique_ptr<pusher::Pusher>& instance : pushers_) {
    retire(*instance);
  }
  for (const std::unique_ptr<Listen>& instance : listens_) {
    retire(*instance);
  }
  for (const std::string& line : disagreements(ledgers_, stores_)) {
    complaints_.push_back(line);
  }
  const std::uint64_t accepted = ledgers_.accepted(pusher::Sink::kPrivateCloud).bytes;
  if (accepted + audio_.unconfirmed < audio_.sent || accepted > audio_.sent + audio_.tried) {
    complaints_.push_back(
        fmt::format("audio: listen sent {} bytes ({} unconfirmed, {} tried), but the pusher accepted {}", audio_.sent,
                    audio_.unconfirmed, audio_.tried, accepted));
  }
}

}  // namespace pusher::listen::tests

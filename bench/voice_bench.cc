// SPDX-License-Identifier: Apache-2.0
// Voice traffic with both ends in this process, on one loop:
//
//   voice_bench paced LAYER FROM TO   sessions of 25 frames a second: 200 more at a time, until their frames fall
//   behind voice_bench flat LAYER SESSIONS   each sends as fast as it can
//
// or clients alone, whose peer is at URL; CA is the file of `soak fake --tls`, or "-":
//
//   voice_bench memory URL CA FEW MANY   paced; what RSS grows by for each session from FEW to MANY
//
// LAYER is `net` (WebSocket and WebSocketServer, as the peers' programs do it) or `voice` (OpenAiRealtimeClient and
// OpenAiRealtimePeer, which check and count what they get).

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resident.h"
#include "soak/event_loop.h"
#include "soak/net/websocket_client.h"
#include "soak/net/websocket_server.h"
#include "soak/peers/openai_realtime_peer.h"
#include "soak/task.h"
#include "soak/voice/openai_realtime.h"
#include "voice_frame.h"
#include "voice_load.h"

namespace soak::bench {
namespace {

using namespace std::chrono_literals;

// What a session is: connected by a first call, then a frame at a time.
class Layer {
 public:
  virtual ~Layer() = default;
  virtual Task<> connect(std::size_t session) = 0;
  virtual Task<> send(std::size_t session) = 0;
  virtual std::uint64_t received() const = 0;
};

class NetLayer final : public Layer {
 public:
  NetLayer(EventLoop& loop, TaskGroup& group, std::size_t most) : loop_(loop), server_(loop), sockets_(most) {
    group.start("accept", accept(group));
  }

  Task<> connect(std::size_t session) override {
    Task<std::unique_ptr<net::WebSocket>> connecting = net::connect_websocket(loop_, server_.url());
    sockets_[session] = co_await std::move(connecting);
  }
  Task<> send(std::size_t session) override {
    std::string frame(kFrameBytes, '\0');
    encode_frame(pcm_, frame.data());
    return sockets_[session]->send_text(std::move(frame));
  }
  std::uint64_t received() const override { return received_; }

 private:
  Task<> accept(TaskGroup& group) {
    for (;;) {
      Task<net::AcceptedWebSocket> accepting = server_.accept();
      net::AcceptedWebSocket accepted = co_await std::move(accepting);
      group.start("receive", receive(std::move(accepted)));
    }
  }
  Task<> receive(net::AcceptedWebSocket accepted) {
    for (;;) {
      co_await accepted->receive();
      ++received_;
    }
  }

  EventLoop& loop_;
  net::WebSocketServer server_;
  std::vector<std::unique_ptr<net::WebSocket>> sockets_;
  std::array<unsigned char, kPcmBytes> pcm_{};
  std::uint64_t received_ = 0;
};

class VoiceLayer final : public Layer {
 public:
  VoiceLayer(EventLoop& loop, std::size_t most) : loop_(loop), clients_(most), peer_(std::in_place, loop) {
    options_.url = peer_->url();
  }
  VoiceLayer(EventLoop& loop, std::size_t most, const std::string& url, const std::string& ca_file)
      : loop_(loop), clients_(most) {
    options_.url = url;
    options_.ca_file = ca_file == "-" ? "" : ca_file;
  }

  Task<> connect(std::size_t session) override {
    clients_[session] = std::make_unique<voice::OpenAiRealtimeClient>(loop_, options_);
    return clients_[session]->connect();
  }
  Task<> send(std::size_t session) override { return clients_[session]->send_audio(std::as_bytes(std::span(pcm_))); }
  std::uint64_t received() const override { return peer_ ? peer_->ledger().audio_frames_received : 0; }

 private:
  EventLoop& loop_;
  std::vector<std::unique_ptr<voice::OpenAiRealtimeClient>> clients_;
  std::optional<peers::OpenAiRealtimePeer> peer_;
  voice::OpenAiRealtimeOptions options_;
  std::array<unsigned char, kPcmBytes> pcm_{};
};

struct Load {
  EventLoop& loop;
  Layer& layer;
  TaskGroup& group;
  std::uint64_t sent = 0;
  std::size_t begun = 0;
  std::size_t open = 0;
};

// The n-th frame goes at start + n x 40 ms.
Task<> paced(Load& load, std::size_t session) {
  co_await load.layer.connect(session);
  ++load.open;
  Instant due = load.loop.now();
  for (;;) {
    co_await load.layer.send(session);
    ++load.sent;
    due += kFrameInterval;
    co_await sleep_for(due - load.loop.now());
  }
}

// A frame a turn of the loop.
Task<> flat_out(Load& load, std::size_t session) {
  for (;;) {
    co_await load.layer.send(session);
    ++load.sent;
    co_await sleep_for(0ns);
  }
}

Task<> open_until(Load& load, std::size_t sessions) {
  while (load.open < sessions) {
    for (; load.begun < sessions && load.begun - load.open < kConnectsAtOnce; ++load.begun) {
      load.group.start({"session", load.begun}, paced(load, load.begun));
    }
    co_await sleep_for(1ms);
  }
}

Task<double> measure(Load& load, std::string_view task) {
  co_await sleep_for(kWarm);
  const Window window(load.sent, load.layer.received());
  co_await sleep_for(kWindow);
  co_return window.print(task, static_cast<int>(load.open), load.sent, load.layer.received());
}

Task<> run_paced(Load& load, std::size_t from, std::size_t to) {
  for (std::size_t sessions = from; sessions <= to; sessions += kStep) {
    Task<> opening = open_until(load, sessions);
    co_await std::move(opening);
    Task<double> measuring = measure(load, "paced");
    if (co_await std::move(measuring) < kSustained) {
      co_return;
    }
  }
}

Task<> run_flat(Load& load, std::size_t sessions) {
  while (load.open < sessions) {
    co_await load.layer.connect(load.open++);
  }
  for (std::size_t session = 0; session < sessions; ++session) {
    load.group.start({"session", session}, flat_out(load, session));
  }
  Task<double> measuring = measure(load, "flat");
  co_await std::move(measuring);
}

Task<> run_memory(Load& load, std::size_t few, std::size_t many) {
  double before = 0;
  for (const std::size_t sessions : {few, many}) {
    Task<> opening = open_until(load, sessions);
    co_await std::move(opening);
    co_await sleep_for(kWindow);
    const double now = resident_bytes();
    if (sessions == many) {
      print_memory(few, many, now - before);
    }
    before = now;
  }
}

template <typename MakeLayer, typename Run>
void run(std::size_t most, MakeLayer make_layer, Run run_load) {
  UvLoop loop({.seed = 1});
  TaskGroup group(loop);
  const std::unique_ptr<Layer> layer = make_layer(loop, group, most);
  Load load{loop, *layer, group};
  loop.run(run_load(load));
  std::_Exit(0);  // What closing thousands of connections takes is not measured.
}

std::unique_ptr<Layer> layer_of(const std::string& name, EventLoop& loop, TaskGroup& group, std::size_t most) {
  if (name == "net") {
    return std::make_unique<NetLayer>(loop, group, most);
  }
  return std::make_unique<VoiceLayer>(loop, most);
}

int run(const std::vector<std::string>& arguments) {
  raise_descriptor_limit();
  const std::string task = arguments.empty() ? "" : arguments[0];
  const auto number = [&arguments](std::size_t i) { return std::size_t{std::stoul(arguments[i])}; };
  const auto chosen = [&arguments](EventLoop& loop, TaskGroup& group, std::size_t most) {
    return layer_of(arguments[1], loop, group, most);
  };
  if (task == "paced" && arguments.size() == 4) {
    run(number(3), chosen, [&](Load& load) { return run_paced(load, number(2), number(3)); });
  } else if (task == "flat" && arguments.size() == 3) {
    run(number(2), chosen, [&](Load& load) { return run_flat(load, number(2)); });
  } else if (task == "memory" && arguments.size() == 5) {
    const auto clients = [&arguments](EventLoop& loop, TaskGroup&, std::size_t most) -> std::unique_ptr<Layer> {
      return std::make_unique<VoiceLayer>(loop, most, arguments[1], arguments[2]);
    };
    run(number(4), clients, [&](Load& load) { return run_memory(load, number(3), number(4)); });
  }
  std::fprintf(stderr,
               "usage: voice_bench paced net|voice FROM TO\n"
               "       voice_bench flat net|voice SESSIONS\n"
               "       voice_bench memory URL CA FEW MANY\n");
  return 2;
}

}  // namespace
}  // namespace soak::bench

int main(int argc, char** argv) { return soak::bench::run({argv + 1, argv + argc}); }

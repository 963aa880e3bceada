// SPDX-License-Identifier: Apache-2.0
// What a served WebSocket frame costs:
//
//   wire_bench reader            ns of processor time to read a masked frame of 1,327 bytes, whole and in pieces of
//                                a TCP segment
//   wire_bench serve ws|wss sink|echo FRAMES
//                                processor time of the serving process for each frame of a client in another process,
//                                which sends as fast as it can
//   wire_bench waves SESSIONS RATE the same for a sink on ws: with so many sessions, each of which gets a frame in
//   turn,
//                                RATE frames a second in all: one by one, and in waves of 10, 100, ... and of all
//                                sessions at once, as they meet a loop that is behind
//
// All but the first need only public headers, so they can be built at another commit too, for a comparison in one run;
// wire.py does that.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#ifndef SOAK_BENCH_PUBLIC_ONLY
#include "lib/net/frame.h"
#include "lib/net/websocket_reader.h"
#endif
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/net/test_ca.h"
#include "soak/net/websocket_client.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"

namespace soak::bench {
namespace {

constexpr std::size_t kFrameBytes = 1'327;

#ifndef SOAK_BENCH_PUBLIC_ONLY
double thread_nanoseconds() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) * 1e9 + static_cast<double>(spent.tv_nsec);
}

void run_reader() {
  std::string wire;
  constexpr int kFrames = 64;
  for (int i = 0; i < kFrames; ++i) {
    std::vector<unsigned char> frame(net::kFrameHeadMax + kFrameBytes);
    const auto seed = static_cast<unsigned char>(i);
    const std::size_t size = net::write_frame(frame.data(), net::Opcode::kText, std::string(kFrameBytes, 'x'),
                                              net::MaskKey{seed, 0x5a, 0xc3, 0x71});
    wire.append(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
  }
  for (const std::size_t piece_bytes : {wire.size(), std::size_t{1'448}}) {
    net::WebSocketReader reader(net::WebSocketReader::Masking::kRequired, std::size_t{16} << 20);
    constexpr int kRounds = 20'000;
    std::size_t bytes = 0;
    const double begun = thread_nanoseconds();
    for (int round = 0; round < kRounds; ++round) {
      for (std::size_t at = 0; at < wire.size(); at += piece_bytes) {
        std::string_view piece = std::string_view(wire).substr(at, piece_bytes);
        while (!piece.empty()) {
          if (reader.next(piece) == net::WebSocketReader::Event::kMessage) {
            bytes += reader.take_message().data.size();
          }
        }
      }
    }
    const double took = thread_nanoseconds() - begun;
    if (bytes != kFrameBytes * kFrames * kRounds) {
      std::abort();
    }
    std::printf(R"({"task": "reader", "piece_bytes": %zu, "ns_per_frame": %.1f})"
                "\n",
                piece_bytes, took / kFrames / kRounds);
  }
}
#endif

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Task<> send_all(EventLoop& loop, std::string url, std::string ca_file, int frames, bool echo) {
  net::ConnectOptions options;
  options.ca_file = std::move(ca_file);
  Task<std::unique_ptr<net::WebSocket>> connecting = net::connect_websocket(loop, std::move(url), options);
  const std::unique_ptr<net::WebSocket> socket = co_await std::move(connecting);
  // A few at a time, so that frames come one by one as those of a voice do, and not in full buffers.
  constexpr int kAtATime = 4;
  for (int sent = 0; sent < frames; sent += kAtATime) {
    for (int i = 0; i < kAtATime; ++i) {
      std::string frame(kFrameBytes, 'x');
      co_await socket->send_text(std::move(frame));
      co_await yield();
    }
    for (int i = 0; echo && i < kAtATime; ++i) {
      co_await socket->receive();
    }
  }
  co_await socket->close();
}

Task<> serve(net::WebSocketServer& server, int frames, bool echo, double* seconds) {
  Task<net::AcceptedWebSocket> accepting = server.accept();
  const net::AcceptedWebSocket accepted = co_await std::move(accepting);
  co_await accepted->receive();
  if (echo) {
    co_await accepted->send_text(std::string(kFrameBytes, 'x'));
  }
  const double before = cpu_seconds();
  for (int i = 1; i < frames; ++i) {
    net::Message message = co_await accepted->receive();
    if (echo) {
      co_await accepted->send(std::move(message));
    }
  }
  *seconds = cpu_seconds() - before;
  try {
    co_await accepted->receive();
  } catch (const net::ConnectionClosed&) {
  }
}

int run_served(bool tls, bool echo, int frames) {
  net::TestCa ca;
  net::ServerOptions options;
  if (tls) {
    options.tls = ca.issue({"127.0.0.1"});
  }
  int url_pipe[2];
  if (pipe(url_pipe) != 0) {
    return 1;
  }
  const pid_t client = fork();
  if (client == 0) {
    std::string url(256, '\0');
    url.resize(static_cast<std::size_t>(std::max<ssize_t>(0, read(url_pipe[0], url.data(), url.size()))));
    UvLoop loop({.seed = 1});
    loop.run(send_all(loop, url, ca.ca_file(), frames, echo));
    std::_Exit(0);
  }
  UvLoop loop({.seed = 1});
  net::WebSocketServer server(loop, options);
  if (write(url_pipe[1], server.url().data(), server.url().size()) < 0) {
    return 1;
  }
  double seconds = 0;
  loop.run(serve(server, frames, echo, &seconds));
  waitpid(client, nullptr, 0);
  std::printf(R"({"task": "served", "scheme": "%s", "work": "%s", "frames": %d, "cpu_us_per_frame": %.3f})"
              "\n",
              tls ? "wss" : "ws", echo ? "echo" : "sink", frames, seconds / frames * 1e6);
  return 0;
}

// A session without a library: the client's share must not hide the server's.
int open_session(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  constexpr std::string_view kUpgrade =
      "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  std::array<char, 4096> answer{};
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      send(fd, kUpgrade.data(), kUpgrade.size(), 0) < 0 || recv(fd, answer.data(), answer.size(), 0) <= 0) {
    std::abort();
  }
  return fd;
}

// A masked text frame; the mask is of zeros.
std::string masked_frame() {
  std::string frame{'\x81', '\xfe'};
  frame += static_cast<char>(kFrameBytes >> 8U);
  frame += static_cast<char>(kFrameBytes & 0xffU);
  frame.append(4, '\0');
  return frame + std::string(kFrameBytes, 'x');
}

// `wave` sessions get a frame at once, then the next ones, so that `rate` frames a second are sent in all.
void send_waves(const std::vector<int>& sessions, std::size_t wave, int frames, int rate) {
  const std::string frame = masked_frame();
  const auto begun = std::chrono::steady_clock::now();
  for (std::size_t sent = 0; sent < static_cast<std::size_t>(frames); ++sent) {
    if (sent % wave == 0) {
      std::this_thread::sleep_until(begun + std::chrono::nanoseconds(std::chrono::seconds(1)) / rate * sent);
    }
    if (send(sessions[sent % sessions.size()], frame.data(), frame.size(), 0) != static_cast<ssize_t>(frame.size())) {
      std::abort();
    }
  }
}

Task<> take_frames(net::AcceptedWebSocket accepted, int* left, Event* done) {
  try {
    for (;;) {
      co_await accepted->receive();
      if (--*left == 0) {
        done->set();
      }
    }
  } catch (const net::ConnectionClosed&) {
  }
}

int run_waves(std::size_t sessions, int rate) {
  UvLoop loop({.seed = 1});
  net::ServerOptions options;
  options.accept_queue_max = sessions;
  net::WebSocketServer server(loop, options);
  int to_client[2];
  if (pipe(to_client) != 0) {
    return 1;
  }
  const int frames = rate * 5;
  std::vector<std::size_t> waves;
  for (std::size_t wave = 1; wave < sessions; wave *= 10) {
    waves.push_back(wave);
  }
  waves.push_back(sessions);
  const std::uint16_t port = server.port();
  const pid_t client = fork();
  if (client == 0) {
    std::vector<int> all;
    for (std::size_t i = 0; i < sessions; ++i) {
      all.push_back(open_session(port));
    }
    char byte = 0;
    for (const std::size_t wave : waves) {
      if (read(to_client[0], &byte, 1) != 1) {
        std::abort();
      }
      send_waves(all, wave, frames, rate);
    }
    std::_Exit(0);
  }
  loop.run([](EventLoop& own, net::WebSocketServer& served, std::size_t count, int each, int frames_a_second,
              const std::vector<std::size_t>& sizes, int wake) -> Task<> {
    TaskGroup group(own);
    int left = 0;
    Event done;
    for (std::size_t i = 0; i < count; ++i) {
      Task<net::AcceptedWebSocket> accepting = served.accept();
      net::AcceptedWebSocket accepted = co_await std::move(accepting);
      group.start({"session", i}, take_frames(std::move(accepted), &left, &done));
    }
    for (const std::size_t wave : sizes) {
      left = each;
      done.reset();
      const double before = cpu_seconds();
      if (write(wake, "x", 1) != 1) {
        std::abort();
      }
      co_await done.wait();
      std::printf(R"({"task": "waves", "sessions": %zu, "rate": %d, "wave": %zu, "cpu_us_per_frame": %.3f})"
                  "\n",
                  count, frames_a_second, wave, (cpu_seconds() - before) / each * 1e6);
      std::fflush(stdout);
    }
    co_await drain(group);
  }(loop, server, sessions, frames, rate, waves, to_client[1]));
  waitpid(client, nullptr, 0);
  return 0;
}

int run(const std::vector<std::string>& arguments) {
#ifndef SOAK_BENCH_PUBLIC_ONLY
  if (arguments.size() == 1 && arguments[0] == "reader") {
    run_reader();
    return 0;
  }
#endif
  if (arguments.size() == 4 && arguments[0] == "serve") {
    return run_served(arguments[1] == "wss", arguments[2] == "echo", std::stoi(arguments[3]));
  }
  if (arguments.size() == 3 && arguments[0] == "waves") {
    return run_waves(std::stoul(arguments[1]), std::stoi(arguments[2]));
  }
  std::fprintf(
      stderr, "usage: wire_bench reader | wire_bench serve ws|wss sink|echo FRAMES | wire_bench waves SESSIONS RATE\n");
  return 2;
}

}  // namespace
}  // namespace soak::bench

int main(int argc, char** argv) { return soak::bench::run({argv + 1, argv + argc}); }

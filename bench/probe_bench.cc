// SPDX-License-Identifier: Apache-2.0
// What the probe costs a process with ten thousand sockets: each reading, and a run's schedule of them. Exit status 1
// when the share of a core is missed, or when measuring allocates or grows.

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "conftest/allocations.h"
#include "soak/probe/probe.h"
#include "soak/probe/process.h"

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using Clock = std::chrono::steady_clock;

constexpr double kShareMax = soak::probe::kShare;
constexpr std::int64_t kRssGrowthMax = 64 * 1024;
constexpr nanoseconds kRestEvery = 1s;
constexpr nanoseconds kSettled = 5s;  // When the memory that all of it needs is there.

nanoseconds time_of(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

[[noreturn]] void give_up(const char* what) {
  std::printf("%s: %s\n", what, std::strerror(errno));
  std::exit(2);
}

void allow_descriptors(rlim_t count) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::max(limit.rlim_cur, count);
  limit.rlim_max = std::max(limit.rlim_max, count);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    give_up("RLIMIT_NOFILE");
  }
}

// Both ends of `count` / 2 connections over loopback.
void connect_sockets(int count) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, name, size) != 0 || ::listen(listener, 16) != 0 || ::getsockname(listener, name, &size) != 0) {
    give_up("listen");
  }
  for (int i = 0; i < count / 2; ++i) {
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    if (client < 0 || ::connect(client, name, size) != 0 || ::accept(listener, nullptr, nullptr) < 0) {
      give_up("connect");
    }
  }
}

// Median processor time of one call.
double cost_us(int times, const std::function<void()>& call) {
  std::vector<double> costs;
  for (int i = 0; i < times; ++i) {
    const nanoseconds before = time_of(CLOCK_THREAD_CPUTIME_ID);
    call();
    costs.push_back(std::chrono::duration<double, std::micro>(time_of(CLOCK_THREAD_CPUTIME_ID) - before).count());
  }
  std::nth_element(costs.begin(), costs.begin() + times / 2, costs.end());
  return costs[static_cast<std::size_t>(times / 2)];
}

void print_costs() {
  const soak::probe::Process self;
  const auto row = [](const char* reading, int times, const std::function<void()>& call) {
    std::printf("  %-28s %10.1f us\n", reading, cost_us(times, call));
  };
  std::printf("one reading, median:\n");
  row("rss and swap", 1000, [&] { (void)self.memory(); });
  row("fds", 1000, [&] { (void)self.open_fds(); });
  row("threads", 1000, [&] { (void)self.threads(); });
  row("heap", 1000, [] { (void)soak::probe::read_heap_bytes(); });
  row("pss", 100, [&] { (void)self.pss_bytes(); });
  row("kinds of fds, TCP states", 20, [&] { (void)self.fd_kinds(); });
  row("who the sockets talk to", 3, [] { (void)soak::probe::describe_sockets(3); });
}

bool check(const char* what, bool kept, const std::string& text) {
  std::printf("  %-28s %s: %s\n", what, kept ? "kept" : "MISSED", text.c_str());
  return kept;
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.4f%% of a core", share * 100);
  return text;
}

// A run's schedule for this time; true when every bar is kept.
bool run_schedule(nanoseconds duration) {
  std::atomic<std::int64_t> sessions{7};
  std::uint64_t frames = 0;
  soak::probe::Probe probe;
  for (const char* gauge : {"tasks", "sessions", "queued"}) {
    probe.add_gauge(gauge, [&sessions] { return sessions.load(std::memory_order_relaxed); });
  }
  probe.watch_operations(32, [&frames](std::span<soak::probe::OperationCount> counts) {
    counts[0] = {"frames", frames};
    counts[1] = {"reconnects", frames / 25};
    return std::size_t{2};
  });

  const Clock::time_point began = Clock::now();
  const auto elapsed = [began] { return nanoseconds(Clock::now() - began); };
  const nanoseconds cpu_before = time_of(CLOCK_PROCESS_CPUTIME_ID);
  // Since all that is needed was there.
  std::uint64_t allocations = 0;
  std::int64_t rss = 0;
  std::int64_t heap = 0;
  std::uint64_t cycle = 0;
  {
    const nanoseconds period = duration < 1min ? nanoseconds(100ms) : nanoseconds(1s);
    const soak::probe::Sampler sampler(period, [&probe, elapsed] { probe.sample(elapsed(), 0); });
    bool settled = false;
    while (elapsed() < duration) {
      std::this_thread::sleep_until(began + kRestEvery * static_cast<nanoseconds::rep>(cycle + 1));
      frames += 25;
      probe.rest(elapsed(), ++cycle);
      if (!settled && elapsed() >= kSettled) {
        settled = true;
        rss = *soak::probe::read_rss_bytes();
        heap = static_cast<std::int64_t>(::mallinfo2().uordblks);
        allocations = soak::conftest::allocations().count;
      }
    }
    probe.complete_rest();
    allocations = soak::conftest::allocations().count - allocations;
    rss = *soak::probe::read_rss_bytes() - rss;
    heap = static_cast<std::int64_t>(::mallinfo2().uordblks) - heap;
  }
  const nanoseconds lasted = elapsed();
  const auto share = [lasted](nanoseconds cpu) { return std::chrono::duration<double>(cpu) / lasted; };
  const double whole = share(time_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_before);

  const soak::probe::Measurements measured = probe.measurements();
  std::printf("a run of %.0f s with a quiescent point a second:\n", std::chrono::duration<double>(lasted).count());
  for (const char* track : {"rss", "sockets", "heap", "pss"}) {
    const soak::probe::Track& seen = *measured.find(track);
    std::printf("  %-28s %llu readings, %llu of %llu quiescent points\n", track,
                static_cast<unsigned long long>(seen.timeline.added()),
                static_cast<unsigned long long>(seen.at_rest.added()),
                static_cast<unsigned long long>(measured.quiescent_points));
  }
  std::printf("bars:\n");
  bool kept =
      check("by the probe's own account", share(measured.probe_cpu) < kShareMax, percent(share(measured.probe_cpu)));
  kept &= check("of the whole process", whole < kShareMax, percent(whole) + ", allowed " + percent(kShareMax));
  kept &= check("allocations", allocations == 0, std::to_string(allocations));
  kept &= check("growth of the heap", heap == 0, std::to_string(heap) + " bytes");
  kept &= check("growth of RSS", rss <= kRssGrowthMax, std::to_string(rss) + " bytes");
  return kept;
}

}  // namespace

int main(int argc, char** argv) {
  int sockets = 10'000;
  int seconds = 60;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.rfind("--sockets=", 0) == 0) {
      sockets = std::atoi(argv[i] + 10);
    } else if (argument.rfind("--seconds=", 0) == 0) {
      seconds = std::atoi(argv[i] + 10);
    } else {
      std::printf("usage: probe_bench [--sockets=10000] [--seconds=60]\n");
      return 2;
    }
  }
  allow_descriptors(static_cast<rlim_t>(sockets) + 200);
  connect_sockets(sockets);
  std::printf("%lld descriptors\n", static_cast<long long>(soak::probe::read_open_fds().value_or(0)));
  print_costs();
  return run_schedule(std::chrono::seconds(std::max(seconds, 10))) ? 0 : 1;
}

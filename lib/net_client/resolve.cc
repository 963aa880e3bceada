// SPDX-License-Identifier: Apache-2.0
#include "lib/net_client/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "lib/async/pool_threads.h"
#include "lib/net/signal.h"
#include "lib/text/format.h"

namespace soak::net {
namespace {

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> binary;
  return inet_pton(AF_INET, host.c_str(), binary.data()) == 1 || inet_pton(AF_INET6, host.c_str(), binary.data()) == 1;
}

// Has the loop turn until the last lookup has ended, before its destructor finds it running.
struct Lookups {
  explicit Lookups(EventLoop& event_loop) : loop(static_cast<UvLoop&>(event_loop).handle()) {}
  ~Lookups() {
    while (running > 0) {
      uv_run(loop, UV_RUN_ONCE);
    }
  }
  uv_loop_t* loop;
  int running = 0;
};

// A request cannot be called back from libuv's threads, so it lives until it ends, wanted or not.
struct Lookup {
  explicit Lookup(Lookups& loops_lookups) : lookups(loops_lookups) {}
  Lookups& lookups;
  uv_getaddrinfo_t request{};
  std::shared_ptr<Lookup> self;  // While the request runs.
  Signal done{"name lookup"};
  bool finished = false;
  Resolved result;

  static void on_done(uv_getaddrinfo_t* request, int status, addrinfo* list) {
    const std::shared_ptr<Lookup> lookup = std::move(static_cast<Lookup*>(request->data)->self);
    for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
      std::array<char, NI_MAXHOST> text{};
      if (getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
        continue;
      }
      std::vector<std::string>& addresses = lookup->result.addresses;
      if (std::find(addresses.begin(), addresses.end(), text.data()) == addresses.end()) {
        addresses.emplace_back(text.data());
      }
    }
    uv_freeaddrinfo(list);
    if (lookup->result.addresses.empty()) {
      lookup->result.failure = status != 0 ? uv_strerror(status) : "no address";
    }
    --lookup->lookups.running;
    lookup->finished = true;
    lookup->done.wake();
  }
};

// Asks for the cancellation of a lookup that is not wanted any more.
struct CancelLookup {
  explicit CancelLookup(Lookup& started) : lookup(started) {}
  ~CancelLookup() {
    if (!lookup.finished) {
      uv_cancel(reinterpret_cast<uv_req_t*>(&lookup.request));
    }
  }
  CancelLookup(const CancelLookup&) = delete;
  CancelLookup& operator=(const CancelLookup&) = delete;
  Lookup& lookup;
};

}  // namespace

Task<Resolved> resolve(UvLoop& loop, std::string host, Instant deadline) {
  Resolved answer;
  if (is_address(host)) {
    answer.addresses.push_back(std::move(host));
    co_return answer;
  }
  if (const int error = soak::detail::pool_threads_error(); error != 0) {
    answer.failure = "no thread to look the name up can be started: " + text::format_errno(error);
    co_return answer;
  }
  const auto lookup = std::make_shared<Lookup>(loop.service<Lookups>());
  lookup->request.data = lookup.get();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  if (const int failed =
          uv_getaddrinfo(loop.handle(), &lookup->request, &Lookup::on_done, host.c_str(), nullptr, &hints);
      failed != 0) {
    answer.failure = uv_strerror(failed);
    co_return answer;
  }
  lookup->self = lookup;
  ++lookup->lookups.running;
  const CancelLookup cancel(*lookup);
  while (!lookup->finished) {
    if (!co_await lookup->done.wait(deadline)) {
      co_return answer;
    }
  }
  co_return std::move(lookup->result);
}

}  // namespace soak::net

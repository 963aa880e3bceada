// SPDX-License-Identifier: Apache-2.0
// Requests over kept connections on loopback, client and server on one processor core:
//
//   http_bench [REQUESTS] [CONNECTIONS]
//
// `together` is HttpClient and HttpServer on one loop, as a soak has them; beside it HttpClient, and libcurl alone on
// its multi interface, each against the same HttpServer on a thread of its own. All of them send the message of a
// channel and get its JSON. Then the same with a whole channel: TelegramChannel without its pacing, and TelegramPeer
// without its limits, which checks each request and keeps its ledger; beside it libcurl alone against that fake.
// Seconds are those of the processor, so that other work on the machine does not count.

#include <curl/curl.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "soak/channels/telegram.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/net/http_client.h"
#include "soak/net/http_server.h"
#include "soak/peers/telegram_peer.h"
#include "soak/task.h"

namespace soak::bench {
namespace {

struct Load {
  long requests;
  long connections;
};

constexpr char kMessage[] =
    R"({"chat_id":-1001234567890,"text":"soak 000123: the quick brown fox jumps over the lazy dog","disable_notification":true})";
constexpr char kAnswer[] =
    R"({"ok":true,"result":{"message_id":4711,"from":{"id":1,"is_bot":true,"first_name":"soak"},"chat":{"id":-1001234567890,)"
    R"("title":"soak","type":"supergroup"},"date":1767225600,"text":"soak 000123: the quick brown fox jumps over the lazy dog"}})";

Task<net::HttpReply> answer(net::HttpServerRequest request) {
  net::HttpReply reply(200, kAnswer, {{"Content-Type", "application/json"}});
  if (request.body != kMessage) {
    reply = net::HttpReply(400);
  }
  co_return reply;
}

double seconds_of(clockid_t clock) {
  timespec spent{};
  clock_gettime(clock, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

void fail(const char* why) {
  std::fprintf(stderr, "http_bench: %s\n", why);
  std::exit(1);
}

struct Cost {
  double per_second;           // Requests, in a second of the processor's for both ends.
  double client_microseconds;  // Of the client's thread, for each request.
};

template <typename Body>
Cost measure(const Load& load, Body body) {
  const double process = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  const double thread = seconds_of(CLOCK_THREAD_CPUTIME_ID);
  body();
  const auto requests = static_cast<double>(load.requests);
  return {requests / (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - process),
          (seconds_of(CLOCK_THREAD_CPUTIME_ID) - thread) / requests * 1e6};
}

Task<> ask(net::HttpClient& client, const std::string& url, long& left) {
  while (left > 0) {
    --left;
    net::HttpRequest request("POST", url, kMessage, {{"Content-Type", "application/json"}});
    net::HttpResponse response = co_await client.send(std::move(request));
    if (response.body != kAnswer) {
      fail("a wrong answer");
    }
  }
}

Task<> ask_all(EventLoop& loop, const std::string& url, Load load) {
  net::HttpClientOptions options;
  options.proxy = "";
  options.connections_max = static_cast<std::size_t>(load.connections);
  net::HttpClient client(loop, options);
  co_await with_group(loop, {.timeout = std::chrono::hours(1)}, [&](TaskGroup& group) -> Task<> {
    for (long i = 0; i < load.connections; ++i) {
      group.start({"client", static_cast<std::uint64_t>(i)}, ask(client, url, load.requests), TaskKind::kFinite);
    }
    co_await yield();
  });
}

peers::TelegramPeerOptions without_limits() {
  peers::TelegramPeerOptions options;
  options.limits.on = false;
  return options;
}

constexpr char kToken[] = "123456:a-token-of-the-bench";

Task<> send_to_chat(channels::Channel& channel, std::string chat, long& left) {
  while (left > 0) {
    const std::string text = "soak " + std::to_string(left--) + ": the quick brown fox jumps over the lazy dog";
    const channels::Delivery delivery = co_await channel.send(chat, text);
    if (delivery.outcome != channels::DeliveryOutcome::kDelivered) {
      fail(delivery.why.c_str());
    }
  }
}

Task<> send_all(EventLoop& loop, const std::string& url, Load load) {
  channels::TelegramOptions options{.url = url, .token = kToken};
  options.delivery.pacing = false;
  channels::TelegramChannel channel(loop, options);
  co_await with_group(loop, {.timeout = std::chrono::hours(1)}, [&](TaskGroup& group) -> Task<> {
    for (long i = 1; i <= load.connections; ++i) {
      group.start({"chat", static_cast<std::uint64_t>(i)}, send_to_chat(channel, std::to_string(i), load.requests),
                  TaskKind::kFinite);
    }
    co_await yield();
  });
}

// libcurl as its examples have it: handles that are kept, and added again.
class BareCurl {
 public:
  BareCurl(const std::string& url, Load load) : left_(load.requests), multi_(curl_multi_init()) {
    fields_ = curl_slist_append(fields_, "Content-Type: application/json");
    handles_.resize(static_cast<std::size_t>(load.connections));
    for (Handle& handle : handles_) {
      handle.easy = curl_easy_init();
      curl_easy_setopt(handle.easy, CURLOPT_URL, url.c_str());
      curl_easy_setopt(handle.easy, CURLOPT_PROXY, "");
      curl_easy_setopt(handle.easy, CURLOPT_HTTPHEADER, fields_);
      curl_easy_setopt(handle.easy, CURLOPT_POSTFIELDS, kMessage);
      curl_easy_setopt(handle.easy, CURLOPT_PRIVATE, &handle);
      curl_easy_setopt(handle.easy, CURLOPT_WRITEDATA, &handle.body);
      curl_easy_setopt(
          handle.easy, CURLOPT_WRITEFUNCTION, +[](char* data, std::size_t size, std::size_t count, void* body) {
            static_cast<std::string*>(body)->append(data, size * count);
            return size * count;
          });
    }
  }
  ~BareCurl() {
    for (const Handle& handle : handles_) {
      curl_easy_cleanup(handle.easy);
    }
    curl_multi_cleanup(multi_);
    curl_slist_free_all(fields_);
  }
  BareCurl(const BareCurl&) = delete;
  BareCurl& operator=(const BareCurl&) = delete;

  void run() {
    for (Handle& handle : handles_) {
      start(handle);
    }
    while (running_ > 0) {
      int active = 0;
      curl_multi_perform(multi_, &active);
      int queued = 0;
      while (const CURLMsg* const message = curl_multi_info_read(multi_, &queued)) {
        char* handle = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &handle);
        if (message->data.result != CURLE_OK) {
          fail(curl_easy_strerror(message->data.result));
        }
        finish(*reinterpret_cast<Handle*>(handle));
      }
      if (active > 0) {
        curl_multi_poll(multi_, nullptr, 0, 1000, nullptr);
      }
    }
  }

 private:
  struct Handle {
    CURL* easy = nullptr;
    std::string body;
  };

  void start(Handle& handle) {
    if (left_ == 0) {
      return;
    }
    --left_;
    ++running_;
    handle.body.clear();
    curl_multi_add_handle(multi_, handle.easy);
  }
  void finish(Handle& handle) {
    --running_;
    curl_multi_remove_handle(multi_, handle.easy);
    if (!handle.body.starts_with(R"({"ok":true,)")) {
      fail("a wrong answer");
    }
    start(handle);
  }

  long left_;
  long running_ = 0;
  CURLM* multi_;
  curl_slist* fields_ = nullptr;
  std::vector<Handle> handles_;
};

// A server on a loop and a thread of its own.
class ServerThread {
 public:
  // `make` gives what has to live as long as the loop, and has a url().
  template <typename Make>
  explicit ServerThread(Make make) {
    std::promise<std::string> url;
    std::future<std::string> known = url.get_future();
    thread_ = std::thread([this, &url, make] {
      UvLoop loop;
      const auto server = make(loop);
      loop_ = &loop;
      url.set_value(server->url());
      auto serve = [this]() -> Task<> { co_await stop_.wait(); };
      loop.run(serve());
    });
    url_ = known.get();
  }
  ~ServerThread() {
    loop_->post([this] { stop_.set(); });
    thread_.join();
  }
  ServerThread(const ServerThread&) = delete;
  ServerThread& operator=(const ServerThread&) = delete;

  const std::string& url() const { return url_; }

 private:
  Event stop_;
  EventLoop* loop_ = nullptr;
  std::string url_;
  std::thread thread_;
};

void print(const char* name, const Cost& cost) {
  std::printf("%-18s %10.0f requests/s   %6.1f us of the client's thread each\n", name, cost.per_second,
              cost.client_microseconds);
}

// Everything on the first core that this process may use.
void use_one_core() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  for (unsigned core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &allowed)) {
      continue;
    }
    CPU_ZERO(&allowed);
    CPU_SET(core, &allowed);
    sched_setaffinity(0, sizeof allowed, &allowed);
    return;
  }
}

// Of a channel and of libcurl alone, one after the other, so that both see the same machine.
struct Round {
  Cost ours;
  Cost bare;
  double ratio() const { return ours.per_second / bare.per_second; }
};

// The bars are those of the channels: 5,000 messages a second, and 85% of libcurl's.
int run_channel(const Load& load, const Load& warm_up) {
  Cost together{};
  {
    UvLoop loop;
    const peers::TelegramPeer peer(loop, without_limits());
    loop.run(send_all(loop, peer.url(), warm_up));
    together = measure(load, [&] { loop.run(send_all(loop, peer.url(), load)); });
  }
  const ServerThread fake(
      [](EventLoop& loop) { return std::make_unique<peers::TelegramPeer>(loop, without_limits()); });
  const std::string url = fake.url() + "/bot" + kToken + "/sendMessage";
  BareCurl(url, warm_up).run();
  UvLoop loop;
  loop.run(send_all(loop, fake.url(), warm_up));
  std::array<Round, 5> rounds{};
  const Load part{load.requests / static_cast<long>(rounds.size()) + 1, load.connections};
  for (Round& round : rounds) {
    round.bare = measure(part, [&] { BareCurl(url, part).run(); });
    round.ours = measure(part, [&] { loop.run(send_all(loop, fake.url(), part)); });
  }
  std::sort(rounds.begin(), rounds.end(), [](const Round& a, const Round& b) { return a.ratio() < b.ratio(); });
  const Round& median = rounds[rounds.size() / 2];

  print("channel together", together);
  print("TelegramChannel", median.ours);
  print("libcurl", median.bare);
  std::printf(
      "TelegramChannel does %.0f%% of libcurl's messages against the same fake (%.0f to %.0f%% in %zu rounds)\n",
      median.ratio() * 100, rounds.front().ratio() * 100, rounds.back().ratio() * 100, rounds.size());
  const bool kept = together.per_second >= 5000 && median.ratio() >= 0.85;
  std::printf("bars: 5,000 messages/s, 85%%: %s\n", kept ? "kept" : "MISSED");
  return kept ? 0 : 1;
}

int run(const Load& load) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  use_one_core();
  std::printf("%ld requests over %ld connections, on one core\n", load.requests, load.connections);
  const Load warm_up{load.requests / 20 + 1, load.connections};

  Cost together{};
  {
    UvLoop loop;
    net::HttpServer server(loop, &answer);
    const std::string url = server.url() + "/bot1:a/sendMessage";
    loop.run(ask_all(loop, url, warm_up));
    together = measure(load, [&] { loop.run(ask_all(loop, url, load)); });
  }
  const ServerThread server([](EventLoop& own) { return std::make_unique<net::HttpServer>(own, &answer); });
  const std::string url = server.url() + "/bot1:a/sendMessage";
  BareCurl(url, warm_up).run();
  const Cost bare = measure(load, [&] { BareCurl(url, load).run(); });
  UvLoop loop;
  loop.run(ask_all(loop, url, warm_up));
  const Cost ours = measure(load, [&] { loop.run(ask_all(loop, url, load)); });

  print("together", together);
  print("HttpClient", ours);
  print("libcurl", bare);
  std::printf("HttpClient does %.0f%% of libcurl's requests\n", ours.per_second / bare.per_second * 100);
  return run_channel(load, warm_up);
}

}  // namespace
}  // namespace soak::bench

int main(int argc, char** argv) {
  const soak::bench::Load load{argc > 1 ? std::atol(argv[1]) : 50'000, argc > 2 ? std::atol(argv[2]) : 16};
  if (load.requests < 1 || load.connections < 1) {
    soak::bench::fail("usage: http_bench [REQUESTS] [CONNECTIONS]");
  }
  return soak::bench::run(load);
}

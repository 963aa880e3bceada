// SPDX-License-Identifier: Apache-2.0
// The ends of HTTP for clients and servers that are not ours:
//
//   http_ends serve             an HttpServer on http: and one on https:, which answer with what they were sent; prints
//                               URLs and files, and ends with its standard input
//   http_ends ask URL CA COUNT  COUNT requests of an HttpClient at once, after a first one

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "soak/event_loop.h"
#include "soak/net/http_client.h"
#include "soak/net/http_server.h"
#include "soak/net/test_ca.h"
#include "soak/run_blocking.h"
#include "soak/task.h"

namespace soak {
namespace {

Task<net::HttpReply> echo(net::HttpServerRequest request) {
  net::HttpReply reply(200, std::move(request.body),
                       {{"Content-Type", "application/octet-stream"},
                        {"X-Request", request.method + " " + request.path + "?" + request.query},
                        {"X-Connection", std::to_string(request.connection)},
                        {"X-Chunked", request.headers.get("Transfer-Encoding", "no")},
                        {"Set-Cookie", "a=1"},
                        {"Set-Cookie", "b=2"}});
  if (request.path == "/reset") {
    reply = net::HttpReply::reset();
  }
  if (request.path == "/204") {
    reply = net::HttpReply(204);
  }
  co_return reply;
}

int serve() {
  net::TestCa ca;
  UvLoop loop;
  net::HttpServerOptions tls;
  tls.tls = ca.issue({"localhost", "127.0.0.1"});
  net::HttpServer plain(loop, &echo);
  net::HttpServer secure(loop, &echo, tls);
  std::printf("%s\n%s\n%s\n%s\n%s\n", plain.url().c_str(), secure.url().c_str(), ca.ca_file().c_str(),
              tls.tls.certificate_file.c_str(), tls.tls.key_file.c_str());
  std::fflush(stdout);
  auto until_the_end = []() -> Task<> {
    co_await run_blocking([] {
      char byte = 0;
      while (::read(STDIN_FILENO, &byte, 1) > 0) {
        continue;
      }
      return 0;
    });
  };
  loop.run(until_the_end());
  return 0;
}

// `count` requests at once, after a first one; number n with a body of n x `bytes`.
int ask(const std::string& url, const std::string& ca_file, int count, int bytes) {
  UvLoop loop;
  net::HttpClientOptions options;
  options.proxy = "";
  options.ca_file = ca_file;
  options.connections_max = 2;
  net::HttpClient client(loop, options);
  int right = 0;
  auto send = [&](int number) -> Task<> {
    const std::string body(static_cast<std::size_t>(bytes * number), static_cast<char>('a' + number % 26));
    net::HttpRequest request("POST", url, body, {{"X-Number", std::to_string(number)}});
    net::HttpResponse response = co_await client.send(std::move(request));
    if (response.status == 200 && response.body == body && response.headers.get("X-Number") == std::to_string(number)) {
      ++right;
    }
  };
  auto send_all = [&]() -> Task<> {
    co_await send(count);
    co_await with_group(loop, {}, [&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < count; ++i) {
        group.start({"request", static_cast<std::uint64_t>(i)}, send(i), TaskKind::kFinite);
      }
      co_await yield();
    });
  };
  loop.run(send_all());
  std::printf("right=%d connections_opened=%llu\n", right,
              static_cast<unsigned long long>(client.counters().connections_opened));
  return 0;
}

}  // namespace
}  // namespace soak

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  try {
    if (what == "serve" && argc == 2) {
      return soak::serve();
    }
    if (what == "ask" && argc == 6) {
      return soak::ask(argv[2], argv[3], std::atoi(argv[4]), std::atoi(argv[5]));
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "http_ends: %s\n", error.what());
    return 1;
  }
  std::fprintf(stderr, "usage: http_ends serve | http_ends ask URL CA COUNT BYTES\n");
  return 2;
}

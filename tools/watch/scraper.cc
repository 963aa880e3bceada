// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/scraper.h"

#include <fmt/format.h>
#include <time.h>

#include <utility>

#include "lib/run/read_clock.h"
#include "soak/error.h"

namespace soak::tools {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

net::HttpClientOptions client_options() {
  net::HttpClientOptions options;
  options.connect_timeout = 5s;
  options.timeout = 5s;
  options.connections_max = 1;
  options.response_bytes_max = std::size_t{256} << 20;
  options.http2 = false;
  return options;
}

}  // namespace

Scraper::Scraper(EventLoop& loop, std::string url, ProgramMetrics& metrics, std::function<void()> on_page)
    : loop_(loop),
      url_(std::move(url)),
      metrics_(metrics),
      on_page_(std::move(on_page)),
      client_(loop, client_options()) {}

Task<> Scraper::read(std::function<nanoseconds(nanoseconds cost)> interval) {
  while (true) {
    const nanoseconds before = read_clock(CLOCK_THREAD_CPUTIME_ID);
    std::string failure;
    try {
      co_await read_once();
    } catch (const Error& error) {
      failure = error.what();
    }
    ++reads_;
    if (failure.empty()) {
      on_page_();
    } else {
      failures_ += metrics_.pages() > 0 ? 1u : 0u;
      last_failure_ = std::move(failure);
      metrics_.lose_page();
    }
    co_await sleep_for(interval(read_clock(CLOCK_THREAD_CPUTIME_ID) - before));
  }
}

Task<> Scraper::read_once() {
  net::Headers headers;
  // Without Accept-Encoding, no server may compress its answer.
  headers.add("Accept", "text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1");
  net::HttpRequest request("GET", url_, {}, std::move(headers));
  Task<net::HttpResponse> sending = client_.send(std::move(request));
  const net::HttpResponse response = co_await std::move(sending);
  if (response.status != 200) {
    throw Error(Errc::kProtocol, fmt::format("status {}, expected 200", response.status));
  }
  if (const auto encoding = response.headers.find("Content-Encoding"); encoding && *encoding != "identity") {
    throw Error(Errc::kProtocol, fmt::format("the page is compressed ({}), though that was not asked for", *encoding));
  }
  metrics_.take_page(response.body);
}

}  // namespace soak::tools

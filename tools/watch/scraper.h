// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_WATCH_SCRAPER_H_
#define SOAK_TOOLS_WATCH_SCRAPER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "soak/event_loop.h"
#include "soak/net/http_client.h"
#include "soak/task.h"
#include "tools/watch/program_metrics.h"

namespace soak::tools {

// Reads a program's /metrics again and again.
class Scraper {
 public:
  // `url` is of http: or https:. `on_page` is called after each page that was read.
  Scraper(EventLoop& loop, std::string url, ProgramMetrics& metrics, std::function<void()> on_page);

  // Until it is cancelled. `interval` gives the time to the next page, from the processor time that the last one took.
  Task<> read(std::function<std::chrono::nanoseconds(std::chrono::nanoseconds cost)> interval);

  std::uint64_t reads() const { return reads_; }
  // Since the first page: before it, the program may still be starting.
  std::uint64_t failures() const { return failures_; }
  const std::string& last_failure() const { return last_failure_; }

 private:
  Task<> read_once();

  EventLoop& loop_;
  const std::string url_;
  ProgramMetrics& metrics_;
  std::function<void()> on_page_;
  net::HttpClient client_;
  std::uint64_t reads_ = 0;
  std::uint64_t failures_ = 0;
  std::string last_failure_;
};

}  // namespace soak::tools

#endif  // SOAK_TOOLS_WATCH_SCRAPER_H_

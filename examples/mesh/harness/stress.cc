// SPDX-License-Identifier: Apache-2.0
#include "mesh/harness/stress.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mesh/edge/agent_client.h"
#include "mesh/json.h"
#include "mesh/json_lookup.h"
#include "soak/net/http.h"

namespace mesh {

namespace {

using namespace std::chrono_literals;
using soak::Task;

class Stress {
 public:
  Stress(soak::EventLoop& loop, Cluster& cluster, StressOptions options)
      : loop_(loop), cluster_(cluster), options_(options) {}

  Task<StressResult> run() {
    const soak::Instant began = loop_.now();
    end_ = began + options_.duration;
    const auto body = [this](soak::TaskGroup& group) -> Task<> {
      for (std::size_t i = 0; i < options_.senders; ++i) {
        group.start({"sender", static_cast<int>(i)}, send(i), soak::TaskKind::kFinite);
      }
      group.start("ingest", ingest(), soak::TaskKind::kFinite);
      Task<> reading = receive();
      co_await std::move(reading);
    };
    co_await soak::with_group(loop_, {.timeout = 30s}, body);
    result_.took = options_.duration;
    // What the last senders got acknowledged while the reader had ended.
    Task<> rest = sync_until_empty();
    co_await std::move(rest);
    for (const auto& [id, times] : delivered_) {
      if (times != 1) {
        result_.wrong.push_back(times == 0 ? fmt::format("{} was acknowledged and not delivered", id)
                                           : fmt::format("{} was delivered {} times", id, times));
      }
    }
    std::sort(latencies_.begin(), latencies_.end());
    if (!latencies_.empty()) {
      result_.send_ms_p50 = latencies_[latencies_.size() / 2];
      result_.send_ms_p99 = latencies_[latencies_.size() * 99 / 100];
    }
    co_return result_;
  }

 private:
  Task<> send(std::size_t sender) {
    for (std::uint64_t number = 1; loop_.now() < end_; ++number) {
      const std::string id = fmt::format("s{}-{}", sender, number);
      JsonText message;
      message.text("id", id)
          .text("to", "@demo-agent-b")
          .text("kind", "query_request")
          .raw("body", "{\"subject\":\"s\"}");
      const soak::Instant before = loop_.now();
      try {
        Task<ServiceAnswer> sending =
            cluster_.agent(0).post(cluster_.directory_url() + "/v1/relay/messages", message.object());
        const ServiceAnswer answer = co_await std::move(sending);
        if (answer.ok()) {
          ++result_.acknowledged;
          delivered_.try_emplace(id, 0);
          latencies_.push_back(std::chrono::duration<double, std::milli>(loop_.now() - before).count());
        } else {
          ++result_.errors;
          co_await soak::sleep_for(5ms);
        }
      } catch (const soak::net::HttpError&) {
        ++result_.errors;
      }
    }
  }

  Task<> ingest() {
    for (std::uint64_t number = 1; loop_.now() < end_; ++number) {
      JsonText memory;
      memory.text("id", fmt::format("i{}", number)).text("subject", "stress").text("text", "seen");
      try {
        Task<ServiceAnswer> sending =
            cluster_.agent(0).post(cluster_.archive_url() + "/v1/memory/ingest", memory.object());
        const ServiceAnswer answer = co_await std::move(sending);
        ++(answer.ok() ? result_.ingested : result_.errors);
      } catch (const soak::net::HttpError&) {
        ++result_.errors;
      }
    }
  }

  Task<> receive() {
    while (loop_.now() < end_) {
      Task<> reading = sync_until_empty();
      co_await std::move(reading);
      co_await soak::sleep_for(20ms);
    }
  }

  Task<> sync_until_empty() {
    for (bool more = true; more;) {
      JsonText body;
      body.integer("ack", static_cast<std::int64_t>(handled_)).integer("limit", 500);
      Task<ServiceAnswer> syncing = cluster_.agent(1).post(cluster_.directory_url() + "/v1/relay/sync", body.object());
      const ServiceAnswer answer = co_await std::move(syncing);
      if (!answer.ok()) {
        ++result_.errors;
        co_return;
      }
      const rapidjson::Document inbox = parse_json(answer.body);
      const rapidjson::Value::ConstArray messages = list_of(inbox, "messages");
      for (const rapidjson::Value& message : messages) {
        ++delivered_[text_of(message, "id")];
        handled_ = std::max(handled_, number_of(message, "sequence"));
      }
      more = !messages.Empty();
    }
  }

  soak::EventLoop& loop_;
  Cluster& cluster_;
  StressOptions options_;
  soak::Instant end_{};
  StressResult result_;
  std::uint64_t handled_ = 0;
  std::map<std::string, int> delivered_;
  std::vector<double> latencies_;
};

}  // namespace

Task<StressResult> stress(soak::EventLoop& loop, Cluster& cluster, StressOptions options) {
  Stress run(loop, cluster, options);
  Task<StressResult> running = run.run();
  StressResult result = co_await std::move(running);
  co_return result;
}

}  // namespace mesh

// SPDX-License-Identifier: Apache-2.0
// The service as a whole, in virtual time: who gets a session, how sessions end, and what a shutdown does.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pusher_fixture.h"
#include "soak/gather.h"
#include "soak/net/http_client.h"
#include "soak/net/websocket.h"

namespace pusher::tests {
namespace {

using namespace std::chrono_literals;
using soak::Task;
using soak::net::CloseStatus;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ServiceTest : public PusherFixture {};

TEST_F(ServiceTest, TheGaugeIsUpWhileASessionRunsAndDownAfterIt) {
  run([&](Pusher& service) -> Task<> {
    EXPECT_EQ(service.active(), 0);
    ListenClient client = co_await connect(service);
    co_await soak::sleep_for(1ms);
    EXPECT_EQ(service.active(), 1);
    EXPECT_EQ(service.open_connections(), 1u);

    co_await client.close();
    co_await soak::sleep_for(1ms);

    EXPECT_EQ(service.active(), 0);
    EXPECT_EQ(service.open_connections(), 0u);
  });
}

TEST_F(ServiceTest, ClientsThatComeTogetherShareTheLimitOfSessions) {
  options.limits.sessions_max = 2;
  run([&](Pusher& service) -> Task<> {
    std::vector<Task<ListenClient>> coming;
    for (int i = 0; i < 6; ++i) {
      coming.push_back(connect(service));
    }
    auto together = soak::gather(std::move(coming), {.label = "clients"});
    auto clients = co_await std::move(together);
    co_await soak::sleep_for(1s);
    EXPECT_EQ(service.active(), 2);
  });
}

// The four early returns of the incident, and two more.
TEST_F(ServiceTest, AConnectionThatIsTurnedAwayNeverTouchesTheGauge) {
  options.limits.sessions_max = 1;
  run([&](Pusher& service) -> Task<> {
    for (const auto& [query, reason] :
         std::vector<std::pair<std::string, std::string>>{{"uid=&sample_rate=16000", "Missing uid"},
                                                          {"sample_rate=16000", "Missing uid"},
                                                          {"uid=u1", "Invalid sample rate"},
                                                          {"uid=u1&sample_rate=7999", "Invalid sample rate"},
                                                          {"uid=u1&sample_rate=48001", "Invalid sample rate"}}) {
      ListenClient client = co_await connect(service, query);
      const CloseStatus status = co_await client.closed();
      EXPECT_EQ(status.code, 1008) << query;
      EXPECT_EQ(status.reason, reason);
      EXPECT_EQ(service.active(), 0) << query;
    }
    ListenClient first = co_await connect(service);
    ListenClient second = co_await connect(service);
    const CloseStatus limit = co_await second.closed();
    EXPECT_EQ(limit.code, 1013);
    EXPECT_EQ(service.active(), 1);

    bool refused = false;
    try {
      auto socket = co_await soak::net::connect_websocket(loop, service.url() + "/v1/other?uid=u&sample_rate=16000");
    } catch (const soak::net::HandshakeRefused& error) {
      refused = error.status() == 404;
    }
    EXPECT_TRUE(refused);
    EXPECT_EQ(service.active(), 1);
    co_await first.close();
  });
}

TEST_F(ServiceTest, RatesFrom8000To48000AreAccepted) {
  run([&](Pusher& service) -> Task<> {
    for (const char* query : {"uid=u1&sample_rate=8000", "uid=u1&sample_rate=48000"}) {
      ListenClient client = co_await connect(service, query);
      co_await soak::sleep_for(1ms);
      EXPECT_EQ(service.active(), 1) << query;
      co_await client.close();
      co_await soak::sleep_for(2s);
    }
  });
}

TEST_F(ServiceTest, WhatIsNoFrameEndsTheSessionWith1003) {
  run([&](Pusher& service) -> Task<> {
    for (const std::string& message :
         {std::string("\x66\x00\x00\x00", 4) + R"({"segments":[)" + std::string(1 << 20, '['), std::string("abc"),
          std::string("\x63\x00\x00\x00", 4), std::string("\x65\x00\x00\x00 short", 10),
          std::string("\x66\x00\x00\x00{", 5)}) {
      ListenClient client = co_await connect(service);
      co_await client.send_bytes(message);
      const CloseStatus status = co_await client.closed();
      EXPECT_EQ(status.code, 1003) << testing::PrintToString(message);
      co_await soak::sleep_for(2s);
      EXPECT_EQ(service.active(), 0);
    }
    ListenClient client = co_await connect(service);
    co_await client.socket().send_text("100");
    const CloseStatus status = co_await client.closed();
    EXPECT_EQ(status.code, 1003);
  });
}

TEST_F(ServiceTest, SilenceOf300SecondsEndsTheSessionWith1011AndAHeartbeatIsNoSilence) {
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await soak::sleep_for(299s);
    co_await client.send(Heartbeat{});
    const soak::Instant silent_since = loop.now();

    const CloseStatus status = co_await client.closed();

    EXPECT_EQ(status.code, 1011);
    EXPECT_GE(loop.now() - silent_since, 300s);
    EXPECT_LE(loop.now() - silent_since, 302s);  // Two looks of the workers.
  });
}

TEST_F(ServiceTest, AClientThatVanishesEndsItsSession) {
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await client.stream(3s);
    client.vanish();
    co_await soak::sleep_for(2s);

    EXPECT_EQ(service.active(), 0);
    EXPECT_EQ(service.open_connections(), 0u);
    EXPECT_THAT(disagreements(service.ledger(), stores), IsEmpty());
  });
}

TEST_F(ServiceTest, ServesItsMetricsAndItsState) {
  run([&](Pusher& service) -> Task<> {
    soak::net::HttpClient http(loop);
    ListenClient client = co_await connect(service);
    co_await soak::sleep_for(1ms);
    const auto get = [&](const char* path) {
      return http.send(soak::net::HttpRequest("GET", service.health_url() + path));
    };

    const soak::net::HttpResponse health = co_await get("/healthz");
    const soak::net::HttpResponse ready = co_await get("/readyz");
    const soak::net::HttpResponse metrics = co_await get("/metrics");
    const soak::net::HttpResponse other = co_await get("/");

    EXPECT_EQ(health.status, 200);
    EXPECT_EQ(ready.status, 200);
    EXPECT_EQ(other.status, 404);
    for (const char* name :
         {"pusher_active_ws_connections 1", "pusher_queue_drops_total{queue=\"private_cloud_pending\"}",
          "pusher_queue_dropped_bytes_total{queue=\"audio_app_buffer\"}", "pusher_private_cloud_upload_drops_total",
          "async_sessions{label=\"pusher\"} 1"}) {
      EXPECT_THAT(metrics.body, HasSubstr(name));
    }
    for (const char* id : {"u1", "c1"}) {
      EXPECT_EQ(metrics.body.find(std::string("\"") + id + "\""), std::string::npos) << "a label has an id";
    }
    co_await client.close();
  });
}

TEST_F(ServiceTest, AShutdownIsNotReadyTellsTheSessionsAndTurnsNewOnesAwayWith1001) {
  // So that the shutdown lasts.
  stores.script = [](const StorePeer::Request&) { return StoreAnswer::kHang; };
  run([&](Pusher& service) -> Task<> {
    ListenClient client = co_await connect(service);
    co_await client.stream(3s);
    service.stop();
    const CloseStatus told = co_await client.closed();
    soak::net::HttpClient http(loop);
    const soak::net::HttpResponse ready =
        co_await http.send(soak::net::HttpRequest("GET", service.health_url() + "/readyz"));
    ListenClient late = co_await connect(service);
    const CloseStatus turned_away = co_await late.closed();

    EXPECT_EQ(told.code, 1001);
    EXPECT_EQ(ready.status, 503);
    EXPECT_EQ(turned_away.code, 1001);
    EXPECT_FALSE(service.ready());
  });
}

TEST_F(ServiceTest, AShutdownWithoutAnythingThatHangsIsCleanAndTakesNoTime) {
  std::vector<ListenClient> clients;
  run([&](Pusher& service) -> Task<> {
    for (int i = 0; i < 3; ++i) {
      clients.push_back(co_await connect(service));
      co_await clients.back().stream(5s);
    }
  });

  EXPECT_TRUE(report.sessions.clean());
  EXPECT_TRUE(report.jobs.clean());
  EXPECT_LE(report.took, 6s);  // These clients read no close, and have 5 s for that.
  EXPECT_THAT(disagreements(*ledger, stores), IsEmpty());
}

TEST_F(ServiceTest, AShutdownTakesDrainAndGraceAtMostThoughEveryUploadHangs) {
  stores.script = [](const StorePeer::Request&) { return StoreAnswer::kHang; };
  options.stores.timeout = 24h;
  std::vector<ListenClient> clients;
  run([&](Pusher& service) -> Task<> {
    for (int i = 0; i < 5; ++i) {
      clients.push_back(co_await connect(service));
      co_await clients.back().stream(5s);
      Finalize finalize;
      finalize.conversation_id = "c1";
      finalize.finalization_job_id = std::to_string(i);
      co_await clients.back().send(finalize);
    }
  });

  EXPECT_GE(report.took, 30s);
  EXPECT_LE(report.took, 35s);
  EXPECT_EQ(report.sessions.forced + report.jobs.forced, 0u);
  EXPECT_TRUE(ledger->balanced());
  EXPECT_EQ(ledger->held(), Tally{});
  EXPECT_THAT(disagreements(*ledger, stores), IsEmpty());
}

// A worker that ends or crashes ends the session, and the client learns that it was not its own fault.
TEST_F(ServiceTest, OutcomesAreFailureSuccessAndCancelled) {
  EXPECT_EQ(session_outcome(1000, false).view(), "success");
  EXPECT_EQ(session_outcome(1001, false).view(), "success");
  EXPECT_EQ(session_outcome(1011, false).view(), "failure");
  EXPECT_EQ(session_outcome(1000, true).view(), "failure");
  EXPECT_EQ(session_outcome(1003, false).view(), "cancelled");
  EXPECT_EQ(session_outcome(1006, false).view(), "cancelled");
}

}  // namespace
}  // namespace pusher::tests

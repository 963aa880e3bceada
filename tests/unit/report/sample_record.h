// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_REPORT_SAMPLE_RECORD_H_
#define SOAK_TESTS_UNIT_REPORT_SAMPLE_RECORD_H_

// A run with something in every field of its record.

#include <chrono>
#include <optional>

#include "soak/report/record.h"

namespace soak::report {

inline probe::Trend a_leak() {
  probe::Trend trend;
  trend.series = "heap";
  trend.unit = probe::Unit::kBytes;
  trend.per = "reconnect";
  trend.growth = 10300.5;
  trend.low = 10240;
  trend.high = 10361;
  trend.excluded = 12;
  trend.per_day = 8.9e8;
  trend.state = probe::GrowthState::kCertain;
  trend.leak = true;
  trend.warm_up = std::chrono::seconds{5};
  trend.since = std::chrono::seconds{10};
  trend.since_earliest = std::chrono::seconds{8};
  trend.since_latest = std::chrono::seconds{11};
  trend.since_cycle = 10;
  trend.excluded_later = {{std::chrono::seconds{20}, 40}, {std::chrono::seconds{40}, 900}};
  trend.end = std::chrono::seconds{60};
  trend.operation = "frame";
  trend.per_operation = 412;
  trend.bound = probe::Bound{{64, "reconnect"}, 64, probe::Bound::State::kExceeded, std::chrono::hours{2}};
  trend.limit_reached = probe::Trend::Forecast{std::chrono::hours{41}, std::chrono::hours{36}, std::nullopt};
  return trend;
}

inline Record a_record() {
  using namespace std::chrono_literals;
  Record record;
  record.name = "Soak/Voice.OpenAiRealtime";
  record.file = "/src/tests/soak/voice_soak.cc";
  record.line = 41;
  record.title = "VOICE \"SOAK\" / openai";
  record.cycle_noun = "reconnect";
  record.mode = "virtual";
  record.virtual_clock = true;
  record.started = std::chrono::system_clock::time_point{1764000000s};
  record.asked = 60s;
  record.elapsed = 60s;
  record.ended_early = 59500ms;
  record.seed = 18446744073709551615u;
  record.sessions = 2;
  record.session_rss_bytes = 12'345;
  record.memory_limit_bytes = 512 << 20;
  record.cycles = 4;
  record.failed_cycles = 1;
  record.failures = {"00:00:12 cycle 2: connection reset"};
  record.counters = {{"frames", 1500}};
  record.figures = {{"success_rate", "0.9993"}};
  record.traffic = {{"frames", {500, 500, 500}, {500, 499, 500}, {}}};
  record.traffic[0].late.add(1500us, 1400);
  record.traffic[0].late.add(31ms, 99);
  record.open_time = OpenTime{120, 114.5};
  record.answers = Answers{};
  record.answers->turns = 13;
  record.answers->asked = 12;
  record.answers->received = 7;
  record.answers->failed = 2;
  record.answers->lost = 1;
  record.answers->unanswered = 1;
  record.answers->cut_off = 1;
  record.answers->errors = 3;
  record.answers->invalid_events = 4;
  record.answers->first_audio.add(310ms, 7);
  record.answers->gaps.add(20ms, 7);
  record.traffic[0].stopped_due = 25;
  record.traffic[0].stopped_met = 3;
  record.marks = {{12s, "fault", "reset"}};
  record.marks_dropped = 2;
  record.parts = {{record.started, 0s, 30s, 2, 2, true}, {record.started + 1h, 30s, 60s, 2, 3, false}};
  record.parts_left = 1;
  record.settings = {{"duration", "1m00s", "flag"}};
  record.rerun = "./voice_soak --soak_virtual --soak_seed=7";
  record.verdict.findings.push_back({"heap", "heap grew", {{"since", "00:00:10"}}});
  record.bound_asked = true;
  record.verdict.inconclusive.push_back({"rss", "rss may have grown", {{"needs", "6h00m"}}});
  record.verdict.remarks.push_back("rss not judged");
  record.verdict.trends.push_back(a_leak());
  probe::Trend rested;
  rested.series = "rss";
  rested.unit = probe::Unit::kBytes;
  rested.rest = probe::Trend::Rest{std::chrono::seconds{20}, 24e6};
  record.verdict.trends.push_back(rested);
  probe::Trend unknown;
  unknown.series = "fds";
  unknown.not_judged = "3 quiescent points, 8 are needed";
  record.verdict.trends.push_back(unknown);
  probe::Track heap;
  heap.name = "heap";
  heap.unit = probe::Unit::kBytes;
  heap.timeline.add({1500ms, 1, 4096});
  heap.timeline.add({2500ms, 2, 8192});
  heap.timeline.add({3500ms, 3, 6000});
  heap.at_rest.add({1500ms, 1, 4096});
  heap.restart(3s);
  record.measured.restarts.push_back({3s, "process 7 (fake) was replaced by process 8"});
  record.measured.tracks.push_back(heap);
  probe::Track sockets;
  sockets.name = "sockets";
  sockets.unavailable = "not available on this system";
  record.measured.tracks.push_back(sockets);
  probe::Track pss;
  pss.name = "pss";
  pss.unit = probe::Unit::kBytes;
  pss.part_of = "rss";
  pss.timeline = probe::Series(2);
  for (int i = 0; i < 5; ++i) {
    pss.timeline.add({i * 1s, 1, 4096 * (i % 3)});
  }
  record.measured.tracks.push_back(pss);
  probe::Operation frames;
  frames.name = "frames";
  frames.at_rest.add({1500ms, 1, 375});
  record.measured.operations.push_back(frames);
  record.measured.quiescent_points = 4;
  record.measured.candidates = true;
  record.measured.unsettled_points = 1;
  record.measured.unsettled_by = "tasks";
  return record;
}

}  // namespace soak::report

#endif  // SOAK_TESTS_UNIT_REPORT_SAMPLE_RECORD_H_

// SPDX-License-Identifier: Apache-2.0
#include "mesh/harness/artifacts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/encoding.h"
#include "mesh/json.h"
#include "soak/error.h"

namespace mesh {

namespace {

std::int64_t signed_of(std::uint64_t number) { return static_cast<std::int64_t>(number); }

double ms(std::chrono::nanoseconds time) { return std::chrono::duration<double, std::milli>(time).count(); }

JsonText json_of(const Signals& signals) {
  JsonText json;
  json.integer("llm_tasks_completed", signed_of(signals.llm_tasks_completed));
  json.integer("mesh_messages_sent", signed_of(signals.mesh_messages_sent));
  json.integer("inbox_messages_seen", signed_of(signals.inbox_messages_seen));
  json.integer("sync_calls", signed_of(signals.sync_calls));
  json.integer("receipts_seen", signed_of(signals.receipts_seen));
  json.integer("errors", signed_of(signals.errors));
  return json;
}

// Of each pair of edges: what was acknowledged, and what of it was handled, answered, receipted.
std::string delivery_json(const Evidence& evidence) {
  struct Cell {
    std::int64_t requests = 0;
    std::int64_t handled = 0;
    std::int64_t answered = 0;
    std::int64_t receipted = 0;
  };
  std::map<std::pair<std::string, std::string>, Cell> cells;
  const auto has = [](const std::map<std::string, std::map<std::string, std::uint64_t>>& of, const MessageId& id) {
    const auto edge = of.find(id.first);
    return edge != of.end() && edge->second.contains(id.second);
  };
  for (const auto& [id, message] : evidence.acknowledged) {
    if (message.kind != "query_request" && message.kind != "task_request") {
      continue;
    }
    Cell& cell = cells[{id.first, message.to}];
    ++cell.requests;
    cell.handled += evidence.handled.contains(id) ? 1 : 0;
    cell.answered += has(evidence.answers, id) ? 1 : 0;
    cell.receipted += has(evidence.receipts, id) ? 1 : 0;
  }
  std::vector<std::string> rows;
  for (const auto& [pair, cell] : cells) {
    JsonText row;
    row.text("from", pair.first).text("to", pair.second).integer("requests", cell.requests);
    row.integer("handled", cell.handled).integer("answered", cell.answered).integer("receipted", cell.receipted);
    rows.push_back(row.object());
  }
  return json_array(rows);
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  if (!file) {
    throw soak::Error(soak::Errc::kSystem, fmt::format("{} cannot be written", path));
  }
}

}  // namespace

RecoveryTimes recovery_times(const std::vector<Recovery>& recoveries) {
  RecoveryTimes times;
  times.count = recoveries.size();
  if (recoveries.empty()) {
    return times;
  }
  std::vector<const Recovery*> sorted;
  for (const Recovery& recovery : recoveries) {
    sorted.push_back(&recovery);
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Recovery* one, const Recovery* other) { return one->took < other->took; });
  const auto rank = [&](double share) {
    const auto nth = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return ms(sorted[std::max<std::size_t>(nth, 1) - 1]->took);
  };
  times.p50_ms = rank(0.5);
  times.p99_ms = rank(0.99);
  times.max_ms = ms(sorted.back()->took);
  times.slowest = sorted.back()->fault;
  return times;
}

std::string aggregate_json(const ArtifactInput& input) {
  JsonText edges;
  for (const std::string& edge : input.edges) {
    const std::string handle = "@" + edge;
    JsonText row = json_of(input.evidence.signals(handle));
    const auto dropped = input.evidence.duplicates.find(handle);
    row.integer("duplicates_dropped", dropped == input.evidence.duplicates.end() ? 0 : signed_of(dropped->second));
    edges.raw(edge, row.object());
  }
  std::vector<std::string> recoveries;
  for (const Recovery& recovery : input.recoveries) {
    JsonText row;
    row.text("node", recovery.node).text("fault", recovery.fault).number("at_ms", ms(recovery.at));
    row.number("took_ms", ms(recovery.took));
    recoveries.push_back(row.object());
  }
  const RecoveryTimes times = recovery_times(input.recoveries);
  JsonText recovery;
  recovery.integer("faults", signed_of(times.count)).number("p50_ms", times.p50_ms).number("p99_ms", times.p99_ms);
  recovery.number("max_ms", times.max_ms);
  std::vector<std::string> findings;
  for (const soak::probe::Finding& finding : input.findings) {
    JsonText row;
    std::vector<std::string> evidence;
    for (const soak::probe::Evidence& line : finding.evidence) {
      evidence.push_back(line.text);
    }
    row.text("subject", finding.subject).text("text", finding.text).names("evidence", evidence);
    findings.push_back(row.object());
  }
  JsonText json;
  json.text("strategy", "mixed").integer("seed", signed_of(input.seed));
  json.number("duration_s", ms(input.duration) / 1000).raw("signals", json_of(input.evidence.all_signals()).object());
  json.raw("edges", edges.object()).raw("delivery", delivery_json(input.evidence));
  json.integer("promoted", signed_of(input.evidence.promoted.size()));
  json.integer("published", signed_of(input.evidence.published.size()));
  json.integer("gates_held", signed_of(input.evidence.gates_held)).raw("recovery", recovery.object());
  json.raw("recoveries", json_array(recoveries)).raw("findings", json_array(findings));
  return json.object() + "\n";
}

std::string phase45_json(const ArtifactInput& input, const std::string& edge) {
  const std::string handle = "@" + edge;
  std::map<std::string, std::vector<std::string>> approvals;
  for (const Item& item : input.content.items) {
    if (item.type == ItemType::kReview && item.status == "approve") {
      approvals[item.affects.front()].push_back(item.author);
    }
  }
  std::vector<std::string> candidates;
  for (const Item& item : input.content.items) {
    if (item.type == ItemType::kPromotionCandidate && item.author == handle) {
      JsonText row;
      row.text("id", item.id).text("status", item.status).names("affects", item.affects);
      row.names("approved_by", approvals[item.id]).integer("at", item.at).integer("changed", item.changed);
      candidates.push_back(row.object());
    }
  }
  std::vector<std::string> publications;
  for (const Publication& publication : input.content.publications) {
    if (publication.author == handle) {
      JsonText row;
      row.text("id", publication.id).text("status", publication.status).text("reviewer", publication.reviewer);
      row.integer("at", publication.at).integer("decided", publication.decided);
      publications.push_back(row.object());
    }
  }
  JsonText json;
  json.text("edge", edge).text("workspace", Cluster::kWorkspace).raw("candidates", json_array(candidates));
  json.raw("publications", json_array(publications));
  return json.object() + "\n";
}

std::string timeline_html(const ArtifactInput& input) {
  constexpr int kLeft = 140;
  constexpr int kWidth = 1000;
  constexpr int kRow = 34;
  std::vector<std::string> nodes = {"directory", "archive"};
  nodes.insert(nodes.end(), input.edges.begin(), input.edges.end());
  const double duration_ms = std::max(ms(input.duration), 1.0);
  const auto x_of = [&](double at_ms) { return kLeft + kWidth * std::clamp(at_ms / duration_ms, 0.0, 1.0); };
  std::string rows;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const int y = static_cast<int>(i) * kRow + 10;
    rows +=
        fmt::format("<text x=\"4\" y=\"{}\">{}</text><rect class=\"up\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"16\"/>",
                    y + 13, html(nodes[i]), kLeft, y, kWidth);
    for (const Recovery& recovery : input.recoveries) {
      if (recovery.node == nodes[i]) {
        const double from = x_of(ms(recovery.at));
        rows += fmt::format(
            "<rect class=\"fault\" x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"24\"><title>{} at {:.1f} s, works "
            "again "
            "after {:.0f} ms</title></rect>",
            from, y - 4, std::max(2.0, x_of(ms(recovery.at + recovery.took)) - from), html(recovery.fault),
            ms(recovery.at) / 1000, ms(recovery.took));
      }
    }
  }
  const int height = static_cast<int>(nodes.size()) * kRow + 40;
  std::string axis;
  for (int tick = 0; tick <= 10; ++tick) {
    axis += fmt::format("<text class=\"tick\" x=\"{:.0f}\" y=\"{}\">{:.0f} s</text>", x_of(duration_ms * tick / 10),
                        height - 12, duration_ms * tick / 10 / 1000);
  }
  std::string list;
  for (const soak::probe::Finding& finding : input.findings) {
    list += fmt::format("<li>{}: {}</li>", html(finding.subject), html(finding.text));
  }
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Mesh run</title><style>"
      "body{{font:14px system-ui,sans-serif;margin:2em}}.up{{fill:#cfe8cf}}.fault{{fill:#c0392b}}"
      ".tick{{font-size:11px;text-anchor:middle}}</style></head><body><h1>Mesh run, seed {}</h1>"
      "<svg width=\"{}\" height=\"{}\" role=\"img\" aria-label=\"Faults of each node over time\">{}{}</svg><ul>{}</ul>"
      "</body></html>\n",
      input.seed, kLeft + kWidth + 40, height, rows, axis, list);
}

void write_artifacts(const std::string& folder, const ArtifactInput& input) {
  write_file(folder + "/aggregate.json", aggregate_json(input));
  write_file(folder + "/timeline.html", timeline_html(input));
  for (const std::string& edge : input.edges) {
    write_file(fmt::format("{}/{}/phase45.json", folder, edge), phase45_json(input, edge));
  }
}

}  // namespace mesh

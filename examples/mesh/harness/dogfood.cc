// SPDX-License-Identifier: Apache-2.0
#include "mesh/harness/dogfood.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace mesh {

std::string artifact_flaw(const Item& item, const std::string& run) {
  if (item.type != ItemType::kEvidencePack) {
    return "it is not typed as an evidence pack";
  }
  if (item.text.empty() || item.text.size() > kTextBytesMax) {
    return "its text is empty or too long";
  }
  if (item.text.find("Observation:") == std::string::npos) {
    return "it has no observation";
  }
  if (item.supports.empty()) {
    return "it names no source";
  }
  if (!item.confidence) {
    return "it has no confidence";
  }
  if (std::find(item.tags.begin(), item.tags.end(), run) == item.tags.end()) {
    return "it does not carry the tag of the run";
  }
  return "";
}

std::vector<DogfoodGate> judge_dogfood(const DogfoodInput& input) {
  std::uint64_t requests = 0;
  std::uint64_t delivered = 0;
  std::uint64_t tasks = 0;
  std::uint64_t linked = 0;
  std::set<std::string> sources;
  std::uint64_t artifacts = 0;
  std::uint64_t flawed = 0;
  for (const Item& item : input.content.items) {
    if (item.type == ItemType::kEvidencePack) {
      ++artifacts;
      flawed += artifact_flaw(item, input.run).empty() ? 0U : 1U;
      sources.insert(item.supports.begin(), item.supports.end());
    }
  }
  const auto has = [](const std::map<std::string, std::map<std::string, std::uint64_t>>& of, const MessageId& id) {
    const auto edge = of.find(id.first);
    return edge != of.end() && edge->second.contains(id.second);
  };
  for (const auto& [id, message] : input.evidence.acknowledged) {
    if (message.kind != "query_request" && message.kind != "task_request") {
      continue;
    }
    ++requests;
    delivered +=
        input.evidence.handled.contains(id) && has(input.evidence.answers, id) && has(input.evidence.receipts, id) ? 1U
                                                                                                                   : 0U;
    if (message.kind == "task_request") {
      ++tasks;
      linked += sources.contains(fmt::format("message:{}/{}", id.first, id.second)) ? 1U : 0U;
    }
  }
  const ScanResult& scan = input.scan;
  return {
      {"links", input.missing_links.empty(), fmt::format("{} missing", input.missing_links.size())},
      {"sends", requests > 0 && requests <= input.sends_max,
       fmt::format("{} requests, allowed {}", requests, input.sends_max)},
      {"delivery", requests > 0 && delivered == requests,
       fmt::format("{} of {} requests handled, answered and receipted", delivered, requests)},
      {"workspace", tasks > 0 && linked == tasks, fmt::format("{} of {} tasks have their artifact", linked, tasks)},
      {"artifacts", artifacts > 0 && flawed == 0, fmt::format("{} artifacts, {} against the rule", artifacts, flawed)},
      {"leaks", scan.leaks.empty() && scan.missed_canaries.empty() && scan.files > 0,
       fmt::format("{} files, {} leaks, {} canaries missed", scan.files, scan.leaks.size(),
                   scan.missed_canaries.size())}};
}

}  // namespace mesh

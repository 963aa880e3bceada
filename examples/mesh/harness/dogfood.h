// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_HARNESS_DOGFOOD_H_
#define MESH_HARNESS_DOGFOOD_H_

// The gate before figures of a live run are shown to others: a short run with few messages, whose delivery, artifacts
// and secrecy are checked. Only sums leave it: no logs, no texts.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mesh/harness/leak_scan.h"
#include "mesh/harness/verdict.h"

namespace mesh {

struct DogfoodInput {
  std::uint64_t sends_max = 0;  // Requests that the run may send.
  std::string run;              // "run:20260101T120000": the tag that every artifact carries.
  std::vector<std::string> missing_links;
  const Evidence& evidence;
  const ArchiveContent& content;
  const ScanResult& scan;
};

struct DogfoodGate {
  std::string name;  // "delivery"
  bool passed = false;
  std::string figures;  // "24 of 24 requests answered"
};

// What is wrong with an artifact; empty: nothing. The rule: typed, 1 to 16 KiB of text with an "Observation:", at least
// one source, a confidence, and the tag of the run.
std::string artifact_flaw(const Item& item, const std::string& run);

std::vector<DogfoodGate> judge_dogfood(const DogfoodInput& input);

}  // namespace mesh

#endif  // MESH_HARNESS_DOGFOOD_H_

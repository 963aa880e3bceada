// SPDX-License-Identifier: Apache-2.0
#include "lib/run/heap_growth.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "lib/text/format.h"

namespace soak::detail {
namespace {

// The finding that the profile explains: about heap or RSS, or one under which these are listed.
probe::Finding* memory_finding(probe::Verdict& verdict) {
  for (const std::string_view subject : {"heap", "rss"}) {
    for (probe::Finding& finding : verdict.findings) {
      if (finding.subject == subject) {
        return &finding;
      }
    }
  }
  for (probe::Finding& finding : verdict.findings) {
    for (const probe::Evidence& evidence : finding.evidence) {
      if (evidence.text.starts_with("heap ") || evidence.text.starts_with("rss ")) {
        return &finding;
      }
    }
  }
  return nullptr;
}

}  // namespace

void explain_heap(const probe::HeapGrowth& growth, const std::string& cycle_noun, probe::Verdict& verdict) {
  if (!growth.unavailable.empty()) {
    verdict.remarks.push_back("heap profile: " + growth.unavailable);
    return;
  }
  std::string remark =
      fmt::format("heap profile: {} {} to {} {}, estimated from one sample in {}", cycle_noun, growth.from_cycle,
                  cycle_noun, growth.to_cycle, text::format_bytes(growth.sample_bytes));
  probe::Finding* finding = memory_finding(verdict);
  if (growth.stacks.empty()) {
    remark += "; nothing grew by more than its sampling error";
  }
  for (const probe::StackGrowth& stack : growth.stacks) {
    if (finding != nullptr) {
      finding->evidence.push_back({"allocated by", probe::to_string(stack)});
    } else {
      remark += fmt::format("; {}", probe::to_string(stack));
    }
  }
  verdict.remarks.push_back(std::move(remark));
}

}  // namespace soak::detail

// SPDX-License-Identifier: Apache-2.0
#include "lib/run/reload.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "lib/text/format.h"

namespace soak {
namespace {

using std::chrono::nanoseconds;

// What the second load adds is told from nothing where in proportion it would be this much: RSS moves in pages, and an
// allocator gives some of them back now and then.
constexpr double kToldFrom = 512 * 1024;
// Of what was lost in proportion: below the first share it was kept, above the second lost.
constexpr double kKept = 0.25;
constexpr double kLost = 0.5;

struct Rests {
  probe::Point baseline;
  probe::Point before;  // The reload.
  probe::Point after;
};

std::optional<Rests> rests_of(const probe::Measurements& measured, nanoseconds reload_from) {
  const probe::Track* const rss = measured.find("rss");
  if (rss == nullptr || rss->at_rest.added() < 3 || rss->at_rest.last()->at <= reload_from) {
    return std::nullopt;
  }
  Rests rests{*rss->at_rest.first(), *rss->at_rest.first(), *rss->at_rest.last()};
  for (const probe::Point& point : rss->at_rest.points()) {
    rests.before = point.at <= reload_from ? point : rests.before;
  }
  return rests.before.at > rests.baseline.at ? std::optional(rests) : std::nullopt;
}

}  // namespace

void explain_reload(const probe::Measurements& measured, nanoseconds reload_from, probe::Verdict& verdict) {
  const std::optional<Rests> rests = rests_of(measured, reload_from);
  if (!rests) {
    verdict.remarks.push_back(
        "inconclusive: the reload shows nothing: it needs a quiescent point after it, and two before");
    return;
  }
  const std::int64_t left = rests->before.value - rests->baseline.value;
  const std::int64_t added = rests->after.value - rests->before.value;
  const double in_proportion = static_cast<double>(left) * text::seconds(rests->after.at - rests->before.at) /
                               text::seconds(rests->before.at - rests->baseline.at);
  std::string text;
  if (in_proportion < kToldFrom) {
    text = fmt::format(
        "cannot tell: the load left {} of RSS, too little for the same load in {} to show whether it adds "
        "to it",
        text::format_bytes(left), text::format_duration(rests->after.at - rests->before.at));
  } else {
    const double share = static_cast<double>(added) / in_proportion;
    text = fmt::format("{}: of RSS the load had left {}, and the same load again added {} in {}",
                       share < kKept   ? "kept for use"
                       : share > kLost ? "lost"
                                       : "kept in part",
                       text::format_bytes(left), text::format_bytes(added),
                       text::format_duration(rests->after.at - rests->before.at));
  }
  const auto finding = std::find_if(verdict.findings.begin(), verdict.findings.end(), [](const probe::Finding& about) {
    return about.subject == "rss" || about.subject == "heap";
  });
  if (finding != verdict.findings.end()) {
    finding->evidence.push_back({"reload", text});
  } else {
    verdict.remarks.push_back("reload: " + text);
  }
}

}  // namespace soak

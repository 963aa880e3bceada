// SPDX-License-Identifier: Apache-2.0
#include "mesh/harness/fault_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "soak/error.h"

namespace mesh {

namespace {

using std::chrono::nanoseconds;

constexpr std::string_view kAnyEdge = "edge";
constexpr std::size_t kFaultsMax = 100'000;

struct KindName {
  FaultKind kind;
  std::string_view name;
};
constexpr std::array<KindName, 7> kKinds = {{{FaultKind::kKill, "kill"},
                                             {FaultKind::kRestart, "restart"},
                                             {FaultKind::kStop, "stop"},
                                             {FaultKind::kCut, "cut"},
                                             {FaultKind::kSlow, "slow"},
                                             {FaultKind::kFill, "fill"},
                                             {FaultKind::kClock, "clock"}}};

// The words of a line, one after the other.
class Line {
 public:
  Line(std::string_view text, std::size_t number) : number_(number) {
    text = text.substr(0, text.find('#'));
    std::size_t at = 0;
    while ((at = text.find_first_not_of(" \t\r", at)) != std::string_view::npos) {
      const std::size_t end = std::min(text.find_first_of(" \t\r", at), text.size());
      words_.push_back(text.substr(at, end - at));
      at = end;
    }
  }

  bool empty() const { return words_.empty(); }
  bool done() const { return next_ == words_.size(); }

  std::string_view take(std::string_view expected) {
    if (done()) {
      fail(fmt::format("expected {} at its end", expected));
    }
    return words_[next_++];
  }
  bool take_if(std::string_view word) {
    const bool found = !done() && words_[next_] == word;
    next_ += found ? 1 : 0;
    return found;
  }
  void take_word(std::string_view word) {
    if (const std::string_view got = take(fmt::format("\"{}\"", word)); got != word) {
      fail(fmt::format("expected \"{}\", got \"{}\"", word, got));
    }
  }

  nanoseconds take_time(nanoseconds duration) {
    const std::string_view word = take("a time");
    const std::optional<nanoseconds> time = parse_time(word, duration);
    if (!time) {
      fail(fmt::format("expected a time such as 500ms, 20s, 3m or 50%, got \"{}\"", word));
    }
    return *time;
  }

  std::uint64_t take_rate() {
    const std::string_view word = take("a rate");
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc() || end != word.data() + word.size() - 2 || !word.ends_with("kB") || number == 0) {
      fail(fmt::format("expected a rate a second such as 20kB, got \"{}\"", word));
    }
    return number * 1000;
  }

  std::chrono::seconds take_step() {
    const std::string_view word = take("a step");
    const std::string_view digits = word.starts_with('+') ? word.substr(1) : word;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end + 1 != digits.data() + digits.size() || !digits.ends_with('s')) {
      fail(fmt::format("expected a step such as +120s or -30s, got \"{}\"", word));
    }
    return std::chrono::seconds(number);
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw soak::Error(soak::Errc::kInvalidArgument, fmt::format("fault plan, line {}: {}", number_, what));
  }

 private:
  static std::optional<nanoseconds> parse_time(std::string_view word, nanoseconds duration) {
    double number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc() || !(number >= 0) || number > 1e9) {
      return std::nullopt;
    }
    const std::string_view unit = word.substr(static_cast<std::size_t>(end - word.data()));
    const double unit_ns = unit == "ms"  ? 1e6
                           : unit == "s" ? 1e9
                           : unit == "m" ? 60e9
                           : unit == "%" ? static_cast<double>(duration.count()) / 100
                                         : 0;
    return unit_ns > 0 ? std::optional(nanoseconds(static_cast<nanoseconds::rep>(number * unit_ns))) : std::nullopt;
  }

  std::size_t number_;
  std::vector<std::string_view> words_;
  std::size_t next_ = 0;
};

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string take_edge(Line& line, const Nodes& nodes) {
  const std::string_view name = line.take("an edge");
  if (name != kAnyEdge && !has(nodes.edges, name)) {
    line.fail(fmt::format("expected {} or edge, got \"{}\"", fmt::join(nodes.edges, ", "), name));
  }
  return std::string(name);
}

std::string take_service(Line& line, const Nodes& nodes) {
  const std::string_view name = line.take("a service");
  if (!has(nodes.services, name)) {
    line.fail(fmt::format("expected {}, got \"{}\"", fmt::join(nodes.services, " or "), name));
  }
  return std::string(name);
}

std::string take_node(Line& line, const Nodes& nodes) {
  const std::string_view name = line.take("a node");
  if (name != kAnyEdge && !has(nodes.edges, name) && !has(nodes.services, name)) {
    line.fail(fmt::format("expected {}, {} or edge, got \"{}\"", fmt::join(nodes.services, ", "),
                          fmt::join(nodes.edges, ", "), name));
  }
  return std::string(name);
}

Fault take_fault(Line& line, nanoseconds duration, const Nodes& nodes) {
  const std::string_view word = line.take("a fault");
  const auto* const kind =
      std::find_if(kKinds.begin(), kKinds.end(), [word](const KindName& entry) { return entry.name == word; });
  if (kind == kKinds.end()) {
    line.fail(fmt::format("expected kill, restart, stop, cut, slow, fill or clock, got \"{}\"", word));
  }
  Fault fault;
  fault.kind = kind->kind;
  switch (fault.kind) {
    case FaultKind::kKill:
    case FaultKind::kRestart:
      fault.node = take_node(line, nodes);
      break;
    case FaultKind::kStop:
    case FaultKind::kFill:
      fault.node = take_node(line, nodes);
      line.take_word("for");
      fault.lasts = line.take_time(duration);
      break;
    case FaultKind::kCut:
    case FaultKind::kSlow:
      fault.node = take_edge(line, nodes);
      fault.to = take_service(line, nodes);
      line.take_word("for");
      fault.lasts = line.take_time(duration);
      break;
    case FaultKind::kClock:
      fault.node = take_edge(line, nodes);
      fault.step = line.take_step();
      break;
  }
  if (fault.kind == FaultKind::kSlow) {
    while (!line.done()) {
      if (line.take_if("latency")) {
        fault.latency = line.take_time(duration);
      } else {
        line.take_word("rate");
        fault.bytes_per_second = line.take_rate();
      }
    }
    if (fault.latency == nanoseconds::zero() && fault.bytes_per_second == 0) {
      line.fail("expected a latency or a rate");
    }
  }
  if (!line.done()) {
    line.fail(fmt::format("expected nothing more, got \"{}\"", line.take("")));
  }
  return fault;
}

}  // namespace

std::string_view to_string(FaultKind kind) {
  for (const KindName& entry : kKinds) {
    if (entry.kind == kind) {
      return entry.name;
    }
  }
  return "unknown";
}

std::string to_string(const Fault& fault) {
  const auto seconds = [](nanoseconds time) { return std::chrono::duration<double>(time).count(); };
  std::string text = fmt::format("{} {}", to_string(fault.kind), fault.node);
  if (!fault.to.empty()) {
    text += fmt::format(" {}", fault.to);
  }
  if (fault.lasts > nanoseconds::zero()) {
    text += fmt::format(" for {:g}s", seconds(fault.lasts));
  }
  if (fault.latency > nanoseconds::zero()) {
    text += fmt::format(" latency {:g}s", seconds(fault.latency));
  }
  if (fault.bytes_per_second > 0) {
    text += fmt::format(" rate {}kB", fault.bytes_per_second / 1000);
  }
  if (fault.step.count() != 0) {
    text += fmt::format(" {:+}s", fault.step.count());
  }
  return text;
}

std::vector<Fault> parse_fault_plan(std::string_view text, nanoseconds duration, const Nodes& nodes,
                                    std::uint64_t seed) {
  std::vector<Fault> faults;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    Line line(text.substr(0, end), ++number);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) {
      continue;
    }
    if (line.take_if("at")) {
      const nanoseconds at = line.take_time(duration);
      Fault fault = take_fault(line, duration, nodes);
      fault.at = at;
      faults.push_back(std::move(fault));
      continue;
    }
    if (!line.take_if("every")) {
      line.fail(fmt::format("expected \"at\" or \"every\", got \"{}\"", line.take("")));
    }
    const nanoseconds period = line.take_time(duration);
    line.take_word("from");
    const nanoseconds from = line.take_time(duration);
    line.take_word("to");
    const nanoseconds to = line.take_time(duration);
    Fault fault = take_fault(line, duration, nodes);
    if (period <= nanoseconds::zero() || (to - from) / period > static_cast<nanoseconds::rep>(kFaultsMax)) {
      line.fail(fmt::format("expected a period that gives at most {} faults", kFaultsMax));
    }
    for (nanoseconds at = from; at <= to; at += period) {
      fault.at = at;
      faults.push_back(fault);
    }
  }
  std::stable_sort(faults.begin(), faults.end(),
                   [](const Fault& one, const Fault& other) { return one.at < other.at; });
  std::erase_if(faults, [duration](const Fault& fault) { return fault.at > duration; });
  std::mt19937_64 random(seed);
  for (Fault& fault : faults) {
    if (fault.node == kAnyEdge) {
      fault.node = nodes.edges[random() % nodes.edges.size()];
    }
  }
  return faults;
}

std::string_view default_fault_plan() {
  return R"(# Every kind of fault, spread over the run; the last tenth is left in peace.
every 9% from 5% to 90% kill edge
every 17% from 8% to 90% kill archive
every 17% from 14% to 90% kill directory
at 11% restart demo-agent-a
at 20% restart archive
at 27% restart directory
at 33% stop edge for 1s
at 38% stop archive for 1s
at 44% stop directory for 1s
at 50% cut edge archive for 1s
at 54% cut edge directory for 1s
at 58% slow edge archive for 2s latency 50ms rate 50kB
at 62% slow edge directory for 2s latency 50ms rate 50kB
at 67% fill archive for 1s
at 71% fill directory for 1s
at 75% fill edge for 1s
at 79% clock edge +120s
at 84% clock edge -120s
)";
}

}  // namespace mesh

// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/watch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <optional>
#include <utility>

#include "lib/drive/run_metrics.h"
#include "lib/net/url.h"
#include "lib/text/format.h"
#include "lib/text/singular.h"
#include "soak/detail/run_context.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/option_table.h"
#include "soak/probe/process_group.h"
#include "soak/run_driver.h"
#include "soak/task.h"
#include "tools/watch/child_program.h"
#include "tools/watch/program_metrics.h"
#include "tools/watch/scraper.h"

namespace soak::tools {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::array kOptions = {
    Option{.name = "warm_up",
           .kind = OptionKind::kTime,
           .default_value = "",
           .help = "how long the program takes to start; the baseline is what it holds after that",
           .no_value = "for a program that is started, a tenth of the duration, at most 60 s, or 10 s without one"}};
constexpr const Option& kWarmUp = kOptions[0];
[[gnu::init_priority(kOptionPriority)]] OptionTable g_options("watch", kOptions);

constexpr nanoseconds kTick = 250ms;
constexpr nanoseconds kShortRun = 1min;  // Below it, all is done more often.
constexpr nanoseconds kWarmUpMax = 60s;
constexpr int kWarmUpShare = 10;
constexpr nanoseconds kWarmUpEndless = 10s;
constexpr nanoseconds kLoadWaits = 30s;    // For the first page.
constexpr nanoseconds kRestartTime = 60s;  // In which a process that ended may come back.
constexpr nanoseconds kSearch = 500ms;
constexpr nanoseconds kStopGrace = 10s;
constexpr std::size_t kOpsMax = 16;
constexpr int kScrapeShare = 2000;  // Reading pages may take this part of a core,
constexpr int kScrapes = 240;       // but a run has this many of them.

struct GaugeOption {
  Selector selector;
  std::string text;  // As it was given, without what it stands for.
  std::string stands_for;
};

// "connections=sockets": what it stands for is behind the last '=' that is not in the braces.
GaugeOption parse_gauge(const std::string& text) {
  const auto braces_end = text.rfind('}');
  const auto equals = text.find('=', braces_end == std::string::npos ? 0 : braces_end);
  GaugeOption gauge{parse_selector(text.substr(0, equals)), text.substr(0, equals), {}};
  if (equals != std::string::npos) {
    gauge.stands_for = text.substr(equals + 1);
    if (gauge.stands_for.empty()) {
      throw Error(Errc::kInvalidArgument,
                  fmt::format("'{}': expected what the gauge is compared with, such as {}=sockets", text, gauge.text));
    }
  }
  return gauge;
}

// "http_requests_total{code=\"200\"}" counts http_requests.
std::string noun_of(const Selector& selector) {
  constexpr std::string_view kTotal = "_total";
  const bool has_total = selector.name.size() > kTotal.size() && selector.name.ends_with(kTotal);
  return has_total ? selector.name.substr(0, selector.name.size() - kTotal.size()) : selector.name;
}

class WatchRun : public Run {
 public:
  explicit WatchRun(RunOptions options) : Run(std::move(options), Driven{}) {}
};

template <typename Parsed>
std::vector<Parsed> parse_all(const std::vector<std::string>& texts, const char* option,
                              Parsed (*parse)(const std::string& text)) {
  std::vector<Parsed> all;
  for (const std::string& text : texts) {
    try {
      all.push_back(parse(text));
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("{} {}", option, error.what()));
    }
  }
  return all;
}

std::vector<Selector> selectors_of(const std::vector<GaugeOption>& gauges) {
  std::vector<Selector> selectors;
  for (const GaugeOption& gauge : gauges) {
    selectors.push_back(gauge.selector);
  }
  return selectors;
}

}  // namespace

struct Watch::State {
  explicit State(WatchOptions asked)
      : options(std::move(asked)),
        ops(parse_all<Selector>(options.ops, "--ops", [](const std::string& text) { return parse_selector(text); })),
        gauges(parse_all<GaugeOption>(options.gauges, "--gauge", &parse_gauge)),
        metrics(ops, selectors_of(gauges)),
        readings(gauges.size()) {}

  // What a gauge said last, for the probe's thread.
  struct Said {
    std::atomic<bool> known = false;
    std::atomic<std::int64_t> value = 0;
  };

  const WatchOptions options;
  const std::vector<Selector> ops;
  const std::vector<GaugeOption> gauges;
  ProgramMetrics metrics;
  std::deque<Said> readings;

  std::optional<ChildProgram> load;  // Before the program: a group that has the program does not take it for a child.
  std::optional<ChildProgram> program;
  std::optional<probe::ProcessGroup> group;
  std::optional<std::int64_t> oom_kills;
  std::optional<std::int64_t> limit_hits;
  std::optional<WatchRun> run;
  std::optional<RunMetrics> served;
  std::optional<UvLoop> loop;
  std::optional<Scraper> scraper;

  nanoseconds warm_up{};
  std::optional<nanoseconds> warm_at;
  std::vector<std::uint64_t> counted;  // Of each of `ops`, so far.
  bool load_began = false;
  std::optional<nanoseconds> load_ended;
  std::optional<Ending> orphan;
  nanoseconds next_search{};
  std::optional<nanoseconds> gone_since;  // No process is left.

  bool is_asked_for_pages() const { return !options.ops_from.empty(); }
  std::string subject() const;
  void start();
  void make_run(RunOptions code);
  Task<> drive();
  void tick();
  void take_page();
  void look_after_children(nanoseconds now);
  void show_gauges();
  void count_seconds(nanoseconds now);
  bool is_over(nanoseconds now);
  nanoseconds until_next_page(nanoseconds cost);
  void add_endings();
  void add_what_pages_said();
  void add_what_was_not_judged();
  void stop();
};

std::string Watch::State::subject() const {
  if (!options.program.empty()) {
    return std::filesystem::path(options.program.front()).filename();
  }
  if (options.pid != 0) {
    const std::string name = probe::name_of({options.pid});
    return name.empty() ? fmt::format("pid {}", options.pid) : fmt::format("pid {} ({})", options.pid, name);
  }
  return options.name.empty() ? std::filesystem::path(options.cgroup).filename().string() : options.name;
}

void Watch::State::start() {
  if (!options.load.empty()) {
    load.emplace(std::vector<std::string>{"/bin/sh", "-c", options.load}, ChildProgram::Output::kKept,
                 ChildProgram::Start::kLater);
  }
  std::vector<probe::ProcessId> but_not = {{::getpid()}};
  if (load) {
    but_not.push_back({load->pid()});
  }
  if (!options.program.empty()) {
    adopt_orphans();
    program.emplace(options.program, ChildProgram::Output::kShown);
    group.emplace(probe::find_descendants(probe::ProcessId{::getpid()}, but_not));
  } else if (options.pid != 0) {
    if (options.pid == ::getpid()) {
      throw Error(Errc::kInvalidArgument, "--pid is this process itself");
    }
    group.emplace(probe::find_descendants({}, but_not), std::vector<probe::ProcessId>{{options.pid}});
  } else if (!options.cgroup.empty()) {
    group.emplace(probe::Cgroup(options.cgroup));
    oom_kills = group->cgroup()->event("oom_kill");
    limit_hits = group->cgroup()->event("max");
  } else {
    group.emplace(probe::find_named(options.name));
    if (group->is_empty()) {
      throw Error(
          Errc::kInvalidArgument,
          fmt::format("no process matches '{}': expected a pattern, as of a shell, for the name of a process or "
                      "for its whole command line, such as 'nginx*' or 'python3 bot.py*'",
                      options.name));
    }
  }
}

void Watch::State::make_run(RunOptions code) {
  const std::optional<std::int64_t> limit = group->cgroup()     ? probe::memory_limit_of(group->cgroup()->path())
                                            : group->is_empty() ? std::nullopt
                                                                : probe::memory_limit_of(group->members().front());
  if (limit && *limit > 0) {
    code.memory_limit = static_cast<std::uint64_t>(*limit);
  }
  detail::RunContext& context = detail::run_context();
  context.group = &*group;
  context.judged_per_cycle = !ops.empty();
  run.emplace(std::move(code));
  RunDriver driver(*run);
  driver.describe({}, ops.empty() ? "second" : text::singular(noun_of(ops.front())));
  const nanoseconds by_duration =
      driver.has_duration() ? std::min(kWarmUpMax, run->settings().duration / kWarmUpShare) : kWarmUpEndless;
  warm_up = driver.find_setting<nanoseconds>(kWarmUp).value_or(program ? by_duration : nanoseconds{0});
  for (std::size_t i = 0; i < gauges.size(); ++i) {
    const GaugeOption& gauge = gauges[i];
    run->add_gauge(
        gauge.text,
        [said = &readings[i]] { return said->known ? std::optional<std::int64_t>(said->value) : std::nullopt; },
        {.stands_for = gauge.stands_for,
         .unit = gauge.selector.name.ends_with("_bytes") ? probe::Unit::kBytes : probe::Unit::kCount});
  }
  counted.resize(ops.size());
  served.emplace(*run);
  served->serve_if_asked();
}

Task<> Watch::State::drive() {
  RunDriver driver(*run);
  TaskGroup tasks(*loop);
  if (is_asked_for_pages()) {
    scraper.emplace(*loop, options.ops_from, metrics, [this] { take_page(); });
    tasks.start("scraper", scraper->read([this](nanoseconds cost) { return until_next_page(cost); }));
  }
  while (!is_over(run->elapsed())) {
    tick();
    co_await sleep_for(kTick);
  }
  Task<DrainResult> draining = drain(tasks, {.cancel_first = true});
  co_await std::move(draining);
}

// Pages cost the program something, too.
nanoseconds Watch::State::until_next_page(nanoseconds cost) {
  const bool has_duration = RunDriver(*run).has_duration();
  const nanoseconds duration = run->settings().duration;
  const nanoseconds least = has_duration && duration < kShortRun ? nanoseconds(200ms) : nanoseconds(1s);
  const nanoseconds most = has_duration ? duration / kScrapes : run->elapsed() / kScrapes;
  return std::max(least, std::min(cost * kScrapeShare, most));
}

void Watch::State::tick() {
  const nanoseconds now = run->elapsed();
  look_after_children(now);
  if (ops.empty() && !gone_since) {
    count_seconds(now);
  }
  show_gauges();
  RunDriver(*run).keep_totals();
}

void Watch::State::show_gauges() {
  for (std::size_t i = 0; i < gauges.size(); ++i) {
    const std::optional<std::int64_t> value = metrics.gauge(i);
    readings[i].value = value.value_or(0);
    readings[i].known = value.has_value();
  }
}

void Watch::State::count_seconds(nanoseconds now) {
  RunDriver driver(*run);
  if (!warm_at && now >= warm_up) {
    warm_at = now;
  }
  if (!warm_at) {
    return;
  }
  const auto seconds = static_cast<std::uint64_t>((now - *warm_at) / 1s);
  if (seconds > driver.cycles()) {
    driver.finish_cycles(seconds - driver.cycles());
    driver.end_pass(false);
  }
}

// The operations of the warm-up do not count, nor those before the first page.
void Watch::State::take_page() {
  show_gauges();
  if (ops.empty()) {
    return;
  }
  const nanoseconds now = run->elapsed();
  RunDriver driver(*run);
  const bool has_worked = metrics.counted(0) > 0;
  if (!warm_at && now >= warm_up && has_worked) {
    warm_at = now;
  }
  for (std::size_t i = 0; i < ops.size(); ++i) {
    const std::uint64_t total = metrics.counted(i);
    const std::uint64_t more = total - std::exchange(counted[i], total);
    if (warm_at && i == 0) {
      driver.finish_cycles(more);
    } else if (warm_at) {
      run->count(noun_of(ops[i]), more);
    }
  }
  if (warm_at && !gone_since) {
    driver.end_pass(false);
  }
}

void Watch::State::look_after_children(nanoseconds now) {
  std::vector<pid_t> programs;
  for (std::optional<ChildProgram>* const child : {&load, &program}) {
    if (*child) {
      programs.push_back((*child)->pid());
    }
  }
  if (!programs.empty()) {
    if (const std::optional<Ending> ended = bury_orphans(programs)) {
      orphan = ended;
    }
  }
  if (load && !load_began && (!is_asked_for_pages() || metrics.pages() > 0 || now >= kLoadWaits)) {
    load->go();
    load_began = true;
  }
  if (load && !load_ended && load->ending()) {
    load_ended = now;
  }
  if (group->is_empty() && now >= next_search) {
    next_search = now + kSearch;
    group->refresh();  // Another process may have taken its place, or a child gone into the background.
  }
  const bool gone = group->is_empty();
  gone_since = gone ? std::optional(gone_since.value_or(now)) : std::nullopt;
}

bool Watch::State::is_over(nanoseconds now) {
  const RunDriver driver(*run);
  if (now >= driver.part_to() || run->interrupted() || run->ended_early()) {
    return true;
  }
  if (gone_since && (program || options.pid != 0)) {
    return !program || program->ending();
  }
  return !driver.has_duration() && (load_ended || (gone_since && now - *gone_since >= kRestartTime));
}

void Watch::State::add_endings() {
  const auto lines_of = [](const ChildProgram& child) {
    std::vector<probe::Evidence> evidence;
    for (const std::string& line : child.last_lines()) {
      evidence.push_back({"output", line});
    }
    return evidence;
  };
  const bool has_duration = RunDriver(*run).has_duration();
  const std::string at = text::format_clock(gone_since.value_or(run->elapsed()));
  if (program) {
    const std::optional<Ending> ending = program->ending();
    // Of a program that went into the background, the one that counts is the one that did its work.
    const std::optional<Ending> last = ending && ending->is_clean() && orphan ? orphan : ending;
    if (last && !last->is_clean()) {
      run->add_finding({"crash", fmt::format("{} {} at {}", subject(), to_string(*last), at), lines_of(*program)});
    } else if (last && gone_since && has_duration) {
      run->add_finding({"ended", fmt::format("{} {} at {}, before the watch did", subject(), to_string(*last), at),
                        lines_of(*program)});
    } else if (last && gone_since) {
      run->add_note(fmt::format("{} {} at {}", subject(), to_string(*last), at));
    }
  } else if (gone_since && options.pid != 0 && !has_duration) {
    run->add_note(fmt::format("{} ended at {}; how is not known, since it was not started here", subject(), at));
  } else if (gone_since) {
    run->add_finding({"ended",
                      options.pid != 0 ? fmt::format("{} ended at {}, before the watch did", subject(), at)
                                       : fmt::format("there is no process of {} since {}", subject(), at),
                      {}});
  }
  if (load && load_ended) {
    const Ending ending = load->ending().value_or(Ending{});
    const std::string text = fmt::format("the load {} at {}", to_string(ending), text::format_clock(*load_ended));
    if (!ending.is_clean()) {
      run->add_finding({"load", text, lines_of(*load)});
    } else {
      run->add_note(text);
    }
  }
  if (const auto& cgroup = group->cgroup()) {
    const std::int64_t killed = cgroup->event("oom_kill").value_or(0) - oom_kills.value_or(0);
    if (killed > 0) {
      run->add_finding({"oom_kill",
                        fmt::format("the kernel killed {} of the cgroup for want of memory",
                                    text::format_plural(static_cast<std::uint64_t>(killed), "process")),
                        {}});
    }
    const std::int64_t hits = cgroup->event("max").value_or(0) - limit_hits.value_or(0);
    if (hits > 0) {
      run->add_note(fmt::format("memory.max of the cgroup was reached {}",
                                text::format_plural(static_cast<std::uint64_t>(hits), "time")));
    }
  }
}

void Watch::State::add_what_pages_said() {
  if (!is_asked_for_pages()) {
    return;
  }
  const std::string url = net::url_without_secrets(options.ops_from);
  if (metrics.pages() == 0) {
    run->add_finding({"ops_from",
                      fmt::format("{} was never read: {}", url,
                                  scraper->reads() == 0 ? "the watch was too short" : scraper->last_failure()),
                      {}});
    return;
  }
  if (scraper->failures() > 0) {
    run->add_note(fmt::format("{} of {} of {} failed, the last one: {}", scraper->failures(),
                              text::format_plural(scraper->reads(), "read"), url, scraper->last_failure()));
  }
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (!metrics.counter_was_seen(i)) {
      run->add_finding(
          {"ops",
           fmt::format("{} was never on {}; its counters are: {}", options.ops[i], url,
                       metrics.declared().empty() ? "none" : fmt::format("{}", fmt::join(metrics.declared(), ", "))),
           {}});
    }
  }
  for (std::size_t i = 0; i < gauges.size(); ++i) {
    if (!metrics.gauge_was_seen(i)) {
      run->add_finding({gauges[i].text, fmt::format("{} was never on {}", gauges[i].text, url), {}});
    }
  }
}

void Watch::State::add_what_was_not_judged() {
  if (const std::string why = group->unreadable(); !why.empty()) {
    const bool counted_all = group->open_fds().has_value();
    run->add_note(fmt::format("inconclusive: {} not judged: {}; run soak as that user, or as root",
                              counted_all ? "sockets and kinds of descriptors" : "descriptors and sockets", why));
  }
}

// Not before the verdict, which says who holds what.
void Watch::State::stop() {
  std::vector<pid_t> others;
  for (const probe::ProcessId id : group->members()) {
    others.push_back(id.value);
  }
  if (load) {
    load->stop(kStopGrace);
  }
  if (program) {
    program->stop(kStopGrace, others);
  }
}

Watch::Watch(WatchOptions options) {
  if (!options.ops_from.empty()) {
    net::parse_http_url(options.ops_from);
  }
  if (options.ops.size() > kOpsMax) {
    throw Error(Errc::kInvalidArgument, fmt::format("--ops: expected at most {} counters", kOpsMax));
  }
  if (options.ops_from.empty() && !(options.ops.empty() && options.gauges.empty())) {
    throw Error(Errc::kInvalidArgument, "--ops and --gauge need --ops-from, the URL of the program's /metrics");
  }
  if (!options.ops_from.empty() && options.ops.empty() && options.gauges.empty()) {
    throw Error(Errc::kInvalidArgument, "--ops-from needs --ops or --gauge: what to read from that page");
  }
  state_ = std::make_unique<State>(std::move(options));
}

Watch::~Watch() {
  // The run reads the group until it is gone.
  state_->served.reset();
  state_->run.reset();
  detail::run_context().group = nullptr;
}

std::string Watch::subject() const { return state_->subject(); }

Run& Watch::run(RunOptions code) {
  State& state = *state_;
  state.start();
  state.make_run(std::move(code));
  state.loop.emplace();
  RunDriver driver(*state.run);
  driver.begin_run();
  state.loop->run(state.drive());
  if (!state.gone_since) {
    driver.end_pass(true);
  }
  driver.end_run();
  state.add_endings();
  state.add_what_pages_said();
  state.add_what_was_not_judged();
  state.run->verdict();
  state.stop();
  return *state.run;
}

}  // namespace soak::tools

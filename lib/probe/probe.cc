// SPDX-License-Identifier: Apache-2.0
#include "soak/probe/probe.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <utility>

#include "lib/probe/pace.h"
#include "lib/text/format.h"
#include "soak/error.h"
#include "soak/probe/process.h"

namespace soak::probe {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// Longer names than this take memory when they first appear, as std::string does.
constexpr std::size_t kNameRoom = 64;

// A track that only explains another one is kept in less detail.
constexpr std::size_t kPartCapacity = 512;

// How far a count has to move for what depends on it to be read between quiescent points.
constexpr double kMoved = 0.05;

constexpr nanoseconds kPssApart = 30s;

// The most values that one source reads.
constexpr std::size_t kPartsMax = 9;

// What the share does not cover: some readings of a run that is too short to have earned them.
constexpr nanoseconds kAtHand = 10ms;
constexpr nanoseconds kAtHandOfGroup = 2ms;  // Which may be watched without a load, and has more sources.

nanoseconds thread_cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

// Into as many values as there are tracks for: another process's sockets have no states.
bool give_kinds(std::span<std::int64_t> values, const FdKinds& kinds) {
  const std::array<std::int64_t, kPartsMax> all = {kinds.sockets,      kinds.pipes,           kinds.anon_inodes,
                                                   kinds.files,        kinds.tcp_established, kinds.tcp_close_wait,
                                                   kinds.tcp_fin_wait, kinds.tcp_listening,   kinds.tcp_other};
  std::copy_n(all.begin(), values.size(), values.begin());
  return true;
}

// What is in swap is still held, so it is judged with what is resident.
bool give_memory(std::span<std::int64_t> values, const Memory& memory) {
  const std::array<std::int64_t, 5> all = {memory.all(), memory.swap, memory.anonymous, memory.files, memory.shared};
  std::copy_n(all.begin(), values.size(), values.begin());
  return true;
}

// What leaks of a group is judged without the pages of files.
bool give_group_memory(std::span<std::int64_t> values, const Memory& memory) {
  const std::array<std::int64_t, 6> all = {memory.held(), memory.rss,    memory.anonymous,
                                           memory.files,  memory.shared, memory.swap};
  std::copy_n(all.begin(), values.size(), values.begin());
  return true;
}

bool give_usage(std::span<std::int64_t> values, const Cgroup::Usage& usage) {
  const std::array<std::int64_t, 4> all = {usage.held, usage.current, usage.cache, usage.swap};
  std::copy_n(all.begin(), values.size(), values.begin());
  return true;
}

bool give(std::span<std::int64_t> values, const std::optional<std::int64_t>& value) {
  values[0] = value.value_or(0);
  return value.has_value();
}

}  // namespace

// A process, and the sources that read it.
struct Probe::Watched {
  Process process;
  ProcessId id;      // 0 is this one.
  std::string name;  // "fake"
  bool vanished = false;
  std::string replaced = {};  // What a segment that begins with the next sample begins with.
};

struct Probe::Part {
  std::string name;
  Unit unit = Unit::kCount;
  std::string part_of = {};
};

// One way of reading, which gives the values of one or more tracks at once.
struct Probe::Source {
  Cost cost = Cost::kCheap;
  bool readable = false;
  std::size_t first = 0;  // Its tracks.
  std::size_t count = 0;
  Read read;
  const Watched* of = nullptr;  // The process it reads; null for a gauge.
  Pace pace = {};

  std::optional<std::size_t> follows = {};  // Between quiescent points: when this track has moved,
  std::int64_t followed = 0;                // from what it was at the last reading;
  std::optional<nanoseconds> apart = {};    // or when so much time has passed.

  std::optional<nanoseconds> last = {};
  std::optional<nanoseconds> last_at_rest = {};
  bool left_out = false;  // By the last rest().
  bool stopped = false;   // Since its process ended.
};

// Processor time, as laps of one reading each; the whole is added to what the probe has cost.
class Probe::Meter {
 public:
  explicit Meter(Probe& probe) : probe_(probe), began_(probe.options_.cpu_time()), lap_(began_) {}
  ~Meter() { probe_.measured_.probe_cpu += probe_.options_.cpu_time() - began_; }
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  nanoseconds lap() {
    const nanoseconds now = probe_.options_.cpu_time();
    return now - std::exchange(lap_, now);
  }

 private:
  Probe& probe_;
  nanoseconds began_;
  nanoseconds lap_;
};

Probe::Probe(ProbeOptions options) : Probe(ProcessId{}, std::move(options)) {}

Probe::Probe(ProcessId id, ProbeOptions options) : Probe(id, nullptr, std::move(options)) {}

Probe::Probe(ProcessId id, ProcessGroup* group, ProbeOptions options) : options_(std::move(options)), group_(group) {
  if (!options_.cpu_time) {
    options_.cpu_time = thread_cpu_time;
  }
  measured_.unsettled_by.reserve(kNameRoom);
  rests_.touch();
  if (group_ != nullptr) {
    group_pace_ = std::make_unique<Pace>();
    watch(*group_);
    return;
  }
  Process process = id.value == 0 ? Process() : Process(id);
  watch(std::unique_ptr<Watched>(new Watched{std::move(process), id, "the process"}), "");
}

Probe::Probe(ProcessGroup* group, ProbeOptions options) : Probe(ProcessId{}, group, std::move(options)) {}

Probe::~Probe() = default;

void Probe::watch(std::unique_ptr<Watched> owned, const std::string& prefix) {
  const Watched& watched = *owned;
  watched_.push_back(std::move(owned));
  measured_.vanished.reserve(watched_.size());
  const Process& process = watched.process;
  const std::size_t first = sources_.size();

  const std::string rss = prefix + "rss";
  add({{rss, Unit::kBytes},
       {prefix + "swap", Unit::kBytes, rss},
       {prefix + "rss_anon", Unit::kBytes, rss},
       {prefix + "rss_file", Unit::kBytes, rss},
       {prefix + "rss_shmem", Unit::kBytes, rss}},
      Cost::kCheap, {}, [&process](std::span<std::int64_t> values) {
        const std::optional<Memory> memory = process.memory();
        return memory && give_memory(values, *memory);
      });
  if (process.is_self()) {
    const std::string heap = heap_source();
    add({{prefix + "heap", Unit::kBytes}}, Cost::kDear, heap.rfind("not available", 0) == 0 ? heap : std::string{},
        [](std::span<std::int64_t> values) { return give(values, read_heap_bytes()); });
  } else if (prefix.empty()) {
    add({{"heap", Unit::kBytes}}, Cost::kDear, "not available: the heap of another process cannot be read", {});
  }
  const std::size_t fds = measured_.tracks.size();
  add({{prefix + "fds"}}, Cost::kCheap, {},
      [&process](std::span<std::int64_t> values) { return give(values, process.open_fds()); });
  std::vector<Part> kinds = {{prefix + "sockets"},
                             {prefix + "pipes", Unit::kCount, prefix + "fds"},
                             {prefix + "anon_inodes", Unit::kCount, prefix + "fds"},
                             {prefix + "files", Unit::kCount, prefix + "fds"}};
  if (process.is_self()) {
    for (const char* state : {"tcp.established", "tcp.close_wait", "tcp.fin_wait", "tcp.listening", "tcp.other"}) {
      kinds.push_back({prefix + state, Unit::kCount, prefix + "sockets"});
    }
  }
  add(std::move(kinds), Cost::kDear, {}, [&process](std::span<std::int64_t> values) {
    const std::optional<FdKinds> seen = process.fd_kinds();
    return seen && give_kinds(values, *seen);
  }).follows = fds;
  add({{prefix + "threads"}}, Cost::kCheap, {},
      [&process](std::span<std::int64_t> values) { return give(values, process.threads()); });
  add({{prefix + "pss", Unit::kBytes, prefix + "rss"}}, Cost::kDear, {}, [&process](std::span<std::int64_t> values) {
    return give(values, process.pss_bytes());
  }).apart = kPssApart;
  for (std::size_t i = first; i < sources_.size(); ++i) {
    sources_[i].of = &watched;
  }
}

// Its processes come and go: what cannot be read now may be readable later.
void Probe::watch(ProcessGroup& group) {
  const auto add_late = [this](std::vector<Part> parts, Cost cost, const std::string& unavailable,
                               Read read) -> Source& {
    Source& source = add(std::move(parts), cost, unavailable.empty() ? "not read yet" : unavailable, std::move(read));
    source.readable = unavailable.empty();
    for (std::size_t i = source.first; source.readable && i < source.first + source.count; ++i) {
      measured_.tracks[i].unavailable.clear();
    }
    return source;
  };
  if (group.cgroup()) {
    add_late({{"memory", Unit::kBytes},
              {"memory.current", Unit::kBytes, "memory"},
              {"memory.cache", Unit::kBytes, "memory"},
              {"swap", Unit::kBytes, "memory"}},
             Cost::kCheap, {}, [&group](std::span<std::int64_t> values) {
               const std::optional<Cgroup::Usage> usage = group.usage();
               return usage && give_usage(values, *usage);
             });
  } else {
    add_late({{"memory", Unit::kBytes},
              {"rss", Unit::kBytes, "memory"},
              {"rss_anon", Unit::kBytes, "memory"},
              {"rss_file", Unit::kBytes, "memory"},
              {"rss_shmem", Unit::kBytes, "memory"},
              {"swap", Unit::kBytes, "memory"}},
             Cost::kCheap, {}, [&group](std::span<std::int64_t> values) {
               const std::optional<Memory> memory = group.memory();
               return memory && give_group_memory(values, *memory);
             });
  }
  add({{"heap", Unit::kBytes}}, Cost::kDear, "not available: the heap of another process cannot be read", {});
  const std::size_t fds = measured_.tracks.size();
  // Their number alone may be readable without the permission for them.
  add_late({{"fds"}}, Cost::kCheap, group.open_fds() ? "" : group.unreadable(),
           [&group](std::span<std::int64_t> values) { return give(values, group.open_fds()); });
  add_late({{"sockets"},
            {"pipes", Unit::kCount, "fds"},
            {"anon_inodes", Unit::kCount, "fds"},
            {"files", Unit::kCount, "fds"}},
           Cost::kDear, group.unreadable(),
           [&group](std::span<std::int64_t> values) {
             const std::optional<FdKinds> seen = group.fd_kinds();
             return seen && give_kinds(values, *seen);
           })
      .follows = fds;
  add_late({{"threads"}}, Cost::kCheap, {},
           [&group](std::span<std::int64_t> values) { return give(values, group.threads()); });
  add_late({{"processes"}}, Cost::kCheap, {},
           [&group](std::span<std::int64_t> values) { return give(values, group.size()); });
}

Probe::Source& Probe::add(std::vector<Part> parts, Cost cost, std::string unavailable, Read read) {
  std::array<std::int64_t, kPartsMax> values{};
  if (unavailable.empty() && !read(std::span(values).first(parts.size()))) {
    unavailable = "not available on this system";
  }
  const std::size_t first = measured_.tracks.size();
  for (Part& part : parts) {
    const std::size_t capacity = part.part_of.empty() ? Series::kDefaultCapacity : kPartCapacity;
    measured_.tracks.push_back(
        {std::move(part.name), part.unit, unavailable, Series(capacity), Series(capacity), std::move(part.part_of)});
    measured_.tracks.back().timeline.touch();
    measured_.tracks.back().at_rest.touch();
  }
  sources_.push_back({cost, unavailable.empty(), first, parts.size(), std::move(read)});
  share_out();
  return sources_.back();
}

// Half of the share is for what is cheap, half for what is dear; each source has an equal part of its half.
void Probe::share_out() {
  const nanoseconds at_hand = group_ == nullptr ? kAtHand : kAtHandOfGroup;
  for (const Cost cost : {Cost::kCheap, Cost::kDear}) {
    const auto alike = [cost](const Source& source) { return source.cost == cost; };
    const bool refreshes = group_ != nullptr && cost == Cost::kCheap;
    const auto sources =
        static_cast<double>(std::count_if(sources_.begin(), sources_.end(), alike) + (refreshes ? 1 : 0));
    if (refreshes) {
      group_pace_->limit(options_.share / 2 / sources, at_hand);
    }
    for (Source& source : sources_) {
      if (alike(source)) {
        source.pace.limit(options_.share / 2 / sources, at_hand);
      }
    }
  }
}

void Probe::add_gauge(std::string name, std::function<std::optional<std::int64_t>()> read, GaugeOptions options) {
  const std::lock_guard lock(mutex_);
  if (!options.stands_for.empty()) {
    std::vector<std::string_view> counts;
    for (const Track& track : measured_.tracks) {
      if (track.unit == Unit::kCount && track.unavailable.empty()) {
        counts.push_back(track.name);
      }
    }
    if (std::find(counts.begin(), counts.end(), options.stands_for) == counts.end()) {
      throw Error(Errc::kInvalidArgument, fmt::format("gauge '{}' stands for '{}', but the counts here are {}", name,
                                                      options.stands_for, fmt::join(counts, ", ")));
    }
  }
  Source& source = add({{std::move(name), options.unit}}, Cost::kCheap, {},
                       [read = std::move(read)](std::span<std::int64_t> values) { return give(values, read()); });
  source.readable = true;
  measured_.tracks.back().unavailable.clear();
  measured_.tracks.back().stands_for = options.stands_for;
}

void Probe::watch_process(ProcessId id, std::string name) {
  const std::lock_guard lock(mutex_);
  for (const std::unique_ptr<Watched>& watched : watched_) {
    if (watched->name == name && watched->id.value != 0 && watched->process.ended()) {
      replace(*watched, id);
      return;
    }
  }
  const std::string prefix = name + ".";
  if (name.empty() || measured_.find(prefix + "rss") != nullptr) {
    throw Error(Errc::kInvalidArgument, fmt::format("watch_process: a process called '{}' is watched already", name));
  }
  watch(std::unique_ptr<Watched>(new Watched{Process(id), id, std::move(name)}), prefix);
}

// That the process before it ended was meant.
void Probe::replace(Watched& watched, ProcessId id) {
  watched.process = Process(id);
  watched.replaced =
      fmt::format("process {} ({}) was replaced by process {}", watched.id.value, watched.name, id.value);
  watched.id = id;
  watched.vanished = false;
  std::erase_if(measured_.vanished, [&watched](const Vanished& vanished) { return vanished.name == watched.name; });
  for (Source& source : sources_) {
    if (source.of == &watched && std::exchange(source.stopped, false)) {
      source.readable = true;
      for (std::size_t i = source.first; i < source.first + source.count; ++i) {
        measured_.tracks[i].unavailable.clear();
      }
    }
  }
}

void Probe::watch_operations(std::size_t most, std::function<std::size_t(std::span<OperationCount>)> read) {
  const std::lock_guard lock(mutex_);
  read_operations_ = std::move(read);
  counts_.resize(most);
  measured_.operations.reserve(most);
  names_.resize(most);
  for (std::string& name : names_) {
    name.reserve(kNameRoom);
  }
}

void Probe::take_every_reading() {
  const std::lock_guard lock(mutex_);
  options_.share = 0;
  share_out();
}

void Probe::sample(nanoseconds at, std::uint64_t cycle) {
  const std::lock_guard lock(mutex_);
  const Point point{at, cycle};
  Meter meter(*this);
  look_at_processes(at);
  for (Source& source : sources_) {
    const bool wanted = source.cost == Cost::kCheap || has_moved(source) ||
                        (source.apart && (!source.last || at - *source.last >= *source.apart));
    if (wanted && source.readable && source.pace.allows(at)) {
      take(source, point, false, meter);
    }
  }
}

void Probe::rest(nanoseconds at, std::uint64_t cycle, std::string_view unsettled_by) {
  const std::lock_guard lock(mutex_);
  if (measured_.candidates) {
    forget_candidates();
  }
  take_at_rest({at, cycle});
  measured_.last_unsettled = !unsettled_by.empty();
  if (measured_.last_unsettled) {
    ++measured_.unsettled_points;
    measured_.baseline_unsettled |= measured_.quiescent_points == 1;
    measured_.unsettled_by = unsettled_by;
  }
}

void Probe::end_pass(nanoseconds at, std::uint64_t cycle) {
  const std::lock_guard lock(mutex_);
  if (measured_.quiescent_points == 0 || measured_.candidates) {
    measured_.candidates = true;
    take_at_rest({at, cycle});
  }
}

void Probe::forget_candidates() {
  measured_.candidates = false;
  measured_.quiescent_points = 0;
  for (Track& track : measured_.tracks) {
    track.at_rest.clear();
  }
  for (Operation& operation : measured_.operations) {
    operation.at_rest.clear();
  }
  for (Source& source : sources_) {
    source.last_at_rest.reset();
  }
  rests_.clear();
}

void Probe::take_at_rest(const Point& point) {
  const nanoseconds at = point.at;
  Meter meter(*this);
  look_at_processes(at);
  for (Source& source : sources_) {
    const bool first = !source.last_at_rest;
    const bool due = source.cost == Cost::kCheap || first ||
                     (source.pace.allows(at) && (!source.apart || at - *source.last_at_rest >= *source.apart));
    source.left_out = source.readable && !due;
    if (source.readable && due) {
      take(source, point, true, meter);
    }
  }
  rest_operations(point);
  ++measured_.quiescent_points;
}

void Probe::complete_rest() {
  const std::lock_guard lock(mutex_);
  Meter meter(*this);
  for (Source& source : sources_) {
    if (std::exchange(source.left_out, false) && source.readable) {
      take(source, *rests_.last(), true, meter);
    }
  }
}

// True when what the source depends on is no longer what it was when the source was last read.
bool Probe::has_moved(const Source& source) const {
  if (!source.follows || !source.last) {
    return false;
  }
  const std::optional<Point> now = measured_.tracks[*source.follows].timeline.last();
  return now &&
         static_cast<double>(std::abs(now->value - source.followed)) > kMoved * static_cast<double>(source.followed);
}

// A group that cannot be refreshed as often as this keeps the processes that it had.
void Probe::refresh_group(nanoseconds at) {
  if (group_pace_->allows(at)) {
    const nanoseconds began = options_.cpu_time();
    group_->refresh();
    group_pace_->spend(options_.cpu_time() - began);
  }
  // Others refresh it, too.
  if (const std::string replaced = group_->take_replacement(); !replaced.empty()) {
    measured_.restarts.push_back({at, replaced});
    for (Track& track : measured_.tracks) {
      track.restart(at);
    }
  }
}

// What a process that has ended held says nothing any more; that it ended does.
void Probe::look_at_processes(nanoseconds at) {
  if (group_ != nullptr) {
    refresh_group(at);
  }
  for (const std::unique_ptr<Watched>& watched : watched_) {
    if (!watched->replaced.empty()) {
      measured_.restarts.push_back({at, std::exchange(watched->replaced, {})});
      for (const Source& source : sources_) {
        for (std::size_t i = source.first; source.of == watched.get() && i < source.first + source.count; ++i) {
          measured_.tracks[i].restart(at);
        }
      }
    }
    if (watched->vanished || !watched->process.ended()) {
      continue;
    }
    watched->vanished = true;
    measured_.vanished.push_back({watched->name, watched->id, at});
    for (Source& source : sources_) {
      if (source.of == watched.get() && source.readable) {
        source.readable = false;
        source.stopped = true;
        for (std::size_t i = source.first; i < source.first + source.count; ++i) {
          measured_.tracks[i].unavailable =
              fmt::format("process {} ended at {}", watched->id.value, text::format_clock(at));
        }
      }
    }
  }
}

void Probe::take(Source& source, const Point& point, bool at_rest, Meter& meter) {
  std::array<std::int64_t, kPartsMax> values{};
  const bool taken = source.read(std::span(values).first(source.count));
  source.pace.spend(meter.lap());
  if (!taken) {
    return;
  }
  for (std::size_t i = 0; i < source.count; ++i) {
    Track& track = measured_.tracks[source.first + i];
    const Point read{point.at, point.cycle, values[i]};
    track.timeline.add(read);
    if (at_rest) {
      track.at_rest.add(read);
    }
  }
  source.last = point.at;
  if (at_rest) {
    source.last_at_rest = point.at;
  }
  if (source.follows) {
    source.followed = measured_.tracks[*source.follows].timeline.last().value_or(Point{}).value;
  }
}

void Probe::rest_operations(const Point& point) {
  std::vector<Operation>& operations = measured_.operations;
  const std::size_t count = read_operations_ ? read_operations_(counts_) : 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i == operations.size()) {
      names_[i] = counts_[i].name;
      operations.push_back({std::move(names_[i]), rests_.zeroed()});
      operations.back().at_rest.touch();
    }
    operations[i].at_rest.add({point.at, point.cycle, static_cast<std::int64_t>(counts_[i].count)});
  }
  rests_.add(point);
}

std::optional<Point> Probe::latest(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const Track* track = measured_.find(name);
  return track == nullptr ? std::nullopt : track->timeline.last();
}

std::vector<Reading> Probe::latest() const {
  const std::lock_guard lock(mutex_);
  std::vector<Reading> readings;
  for (const Track& track : measured_.tracks) {
    if (const auto last = track.timeline.last()) {
      readings.push_back({track.name, track.unit, *last});
    }
  }
  return readings;
}

Measurements Probe::measurements() const {
  const std::lock_guard lock(mutex_);
  return measured_;
}

}  // namespace soak::probe

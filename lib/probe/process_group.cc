// SPDX-License-Identifier: Apache-2.0
#include "soak/probe/process_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "lib/probe/process_stat.h"
#include "soak/error.h"

namespace soak::probe {
namespace {

std::string called(ProcessId id, const std::string& name) { return fmt::format("process {} ({})", id.value, name); }

}  // namespace

ProcessGroup::ProcessGroup(ProcessFinder find, const std::vector<ProcessId>& first) : find_(std::move(find)) {
  for (const ProcessId id : first) {
    Process process(id, Process::Descriptors::kIfReadable);
    const std::optional<ProcessStat> stat = read_stat(fmt::format("/proc/{}", id.value));
    members_.push_back({std::move(process), id, stat ? stat->name : "", stat ? stat->started : 0});
  }
  refresh();
}

ProcessGroup::ProcessGroup(Cgroup cgroup)
    : find_([cgroup](std::span<const ProcessId>) { return cgroup.processes(); }), cgroup_(cgroup) {
  refresh();
}

void ProcessGroup::refresh() {
  const std::lock_guard lock(mutex_);
  const std::string lead_before = lead_;
  const std::optional<ProcessId> oldest_before = members_.empty() ? std::nullopt : std::optional(members_.front().id);
  const bool dominated = lead_dominates_;
  std::erase_if(members_, [](const Member& member) { return member.process.ended(); });
  const bool lead_ended = oldest_before && (members_.empty() || members_.front().id.value != oldest_before->value);
  const bool none_left = members_.empty();
  look();
  if (members_.empty()) {
    return;
  }
  const std::int64_t all = sum<std::int64_t>([](const Process& process) { return process.rss_bytes(); },
                                             [](std::int64_t& total, std::int64_t one) { total += one; })
                               .value_or(0);
  const std::int64_t leads = members_.front().process.rss_bytes().value_or(0);
  lead_dominates_ = leads * 2 >= all;
  const std::string lead = called(members_.front().id, members_.front().name);
  if (lead_before.empty() || !(none_left || (lead_ended && dominated))) {
    if (lead_before.empty() || lead_ended) {
      lead_ = lead;
    }
    return;
  }
  lead_ = lead;
  replacement_ = fmt::format("{} was replaced by {}", lead_before, lead);
}

std::string ProcessGroup::take_replacement() {
  const std::lock_guard lock(mutex_);
  return std::exchange(replacement_, {});
}

// Adds what is new, and forgets what no longer belongs to the group.
void ProcessGroup::look() {
  std::vector<ProcessId> known;
  for (const Member& member : members_) {
    known.push_back(member.id);
  }
  const std::vector<ProcessId> found = find_(known);
  const auto in = [](const auto& all, ProcessId id, auto id_of) {
    return std::any_of(all.begin(), all.end(), [&](const auto& one) { return id_of(one).value == id.value; });
  };
  std::erase_if(members_, [&](const Member& member) { return !in(found, member.id, [](ProcessId id) { return id; }); });
  for (const ProcessId id : found) {
    if (in(members_, id, [](const Member& member) { return member.id; })) {
      continue;
    }
    try {
      Process process(id, Process::Descriptors::kIfReadable);
      if (const std::optional<ProcessStat> stat = read_stat(fmt::format("/proc/{}", id.value))) {
        members_.push_back({std::move(process), id, stat->name, stat->started});
      }
    } catch (const Error&) {  // It ended meanwhile.
    }
  }
  for (Member& member : members_) {
    // A program that was just started has the name of the one that started it.
    if (const std::string name = name_of(member.id); !name.empty()) {
      member.name = name;
    }
    if (unreadable_.empty() && !member.process.descriptors_are_readable() && !member.process.ended()) {
      unreadable_ = called(member.id, member.name) + ": its descriptors may not be read by this user";
    }
  }
  std::sort(members_.begin(), members_.end(), [](const Member& a, const Member& b) {
    return std::tie(a.started, a.id.value) < std::tie(b.started, b.id.value);
  });
}

std::vector<ProcessId> ProcessGroup::members() const {
  const std::lock_guard lock(mutex_);
  std::vector<ProcessId> members;
  for (const Member& member : members_) {
    if (!member.process.ended()) {
      members.push_back(member.id);
    }
  }
  return members;
}

bool ProcessGroup::is_empty() const {
  const std::lock_guard lock(mutex_);
  return std::all_of(members_.begin(), members_.end(), [](const Member& member) { return member.process.ended(); });
}

std::string ProcessGroup::unreadable() const {
  const std::lock_guard lock(mutex_);
  return unreadable_;
}

// Of the members that have not ended, under the mutex.
template <typename Value, typename Read, typename Add>
std::optional<Value> ProcessGroup::sum(Read read, Add add) const {
  Value total{};
  bool any = false;
  for (const Member& member : members_) {
    if (const auto value = read(member.process)) {
      add(total, *value);
      any = true;
    } else if (!member.process.ended()) {
      return std::nullopt;
    }
  }
  return any ? std::optional<Value>(total) : std::nullopt;
}

std::optional<Memory> ProcessGroup::memory() const {
  const std::lock_guard lock(mutex_);
  return sum<Memory>([](const Process& process) { return process.memory(); },
                     [](Memory& total, const Memory& one) {
                       total.rss += one.rss;
                       total.swap += one.swap;
                       total.anonymous += one.anonymous;
                       total.files += one.files;
                       total.shared += one.shared;
                     });
}

std::optional<Cgroup::Usage> ProcessGroup::usage() const { return cgroup_ ? cgroup_->usage() : std::nullopt; }

std::optional<std::int64_t> ProcessGroup::open_fds() const {
  const std::lock_guard lock(mutex_);
  return sum<std::int64_t>([](const Process& process) { return process.open_fds(); },
                           [](std::int64_t& total, std::int64_t one) { total += one; });
}

std::optional<FdKinds> ProcessGroup::fd_kinds() const {
  const std::lock_guard lock(mutex_);
  return sum<FdKinds>([](const Process& process) { return process.fd_kinds(); },
                      [](FdKinds& total, const FdKinds& one) {
                        total.sockets += one.sockets;
                        total.pipes += one.pipes;
                        total.anon_inodes += one.anon_inodes;
                        total.files += one.files;
                      });
}

std::optional<std::int64_t> ProcessGroup::threads() const {
  if (cgroup_) {
    if (const std::optional<std::int64_t> tasks = cgroup_->tasks()) {
      return tasks;
    }
  }
  const std::lock_guard lock(mutex_);
  return sum<std::int64_t>([](const Process& process) { return process.threads(); },
                           [](std::int64_t& total, std::int64_t one) { total += one; });
}

std::optional<std::int64_t> ProcessGroup::size() const {
  const auto running = static_cast<std::int64_t>(members().size());
  return running > 0 ? std::optional(running) : std::nullopt;
}

}  // namespace soak::probe

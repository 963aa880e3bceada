// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PROBE_PROCESS_GROUP_H_
#define SOAK_PROBE_PROCESS_GROUP_H_

// Other processes, read as one: a process with its children, all that have one name, or those of a cgroup.
//
// A descriptor stays open on each process, so that a later one with the same id is not taken for it. One that ended no
// longer counts, even if nobody has waited for it yet. Everything is safe on any thread.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "soak/probe/process.h"

namespace soak::probe {

// Which processes belong to a group now. `known` are those that belonged to it and still run.
using ProcessFinder = std::function<std::vector<ProcessId>(std::span<const ProcessId> known)>;

// The known processes and all that descend from them. With `root`, its descendants too, but not itself; `but_not` and
// the descendants of those are left out.
ProcessFinder find_descendants(std::optional<ProcessId> root = {}, std::vector<ProcessId> but_not = {});

// All processes whose name, or whose command line as `ps` shows it, matches the pattern of a shell: "nginx*",
// "python3 bot.py*". This process, its ancestors and its descendants do not count.
ProcessFinder find_named(std::string pattern);

// "python3", as the kernel cuts it off after 15 bytes; empty if there is no such process.
std::string name_of(ProcessId id);

// A cgroup of version 2 (docs.kernel.org/admin-guide/cgroup-v2.html).
class Cgroup {
 public:
  // `path` may leave out "/sys/fs/cgroup/". Throws Error(Errc::kInvalidArgument) if it is no such folder, or its memory
  // is not accounted.
  explicit Cgroup(const std::string& path);

  const std::string& path() const { return path_; }
  bool exists() const;

  // In it and in the cgroups below it.
  std::vector<ProcessId> processes() const;

  // In bytes. What is held is memory.current and what is in swap, less what the kernel can drop by itself: the cache
  // of files, and of names and inodes (slab_reclaimable).
  struct Usage {
    std::int64_t held = 0;
    std::int64_t current = 0;
    std::int64_t cache = 0;
    std::int64_t swap = 0;
  };
  std::optional<Usage> usage() const;

  std::optional<std::int64_t> tasks() const;  // pids.current: processes and threads.

  // A count of memory.events: "oom_kill", "max".
  std::optional<std::int64_t> event(std::string_view name) const;

 private:
  std::string path_;
};

// The smallest memory.max of the cgroup and of those above it; empty without a limit.
std::optional<std::int64_t> memory_limit_of(const std::string& cgroup_path);
std::optional<std::int64_t> memory_limit_of(ProcessId id);

class ProcessGroup {
 public:
  // Begins with `first`, and what `find` finds. Throws Error(Errc::kSystem) if one of `first` does not run.
  explicit ProcessGroup(ProcessFinder find, const std::vector<ProcessId>& first = {});
  // All of a cgroup, whose memory and tasks are read from its files.
  explicit ProcessGroup(Cgroup cgroup);

  const std::optional<Cgroup>& cgroup() const { return cgroup_; }

  // Looks for processes that came or went: some 10 us for each thread, and for find_named() for each new process of the
  // machine.
  void refresh();

  // What was found by refresh() since the last call: "process 4711 (server) was replaced by process 4712 (server)", if
  // another process has taken the place of the group. Then none of those before is left, or the oldest one has ended
  // and held at least half of the memory. Otherwise empty.
  std::string take_replacement();

  // As of the last refresh(), oldest first; without those that have ended since.
  std::vector<ProcessId> members() const;
  bool is_empty() const;

  // Why descriptors could not be read: "process 4711 (server): its descriptors may not be read by this user". Empty if
  // they could.
  std::string unreadable() const;

  // What all of them hold together; nullopt without a process, or if one cannot be read.
  std::optional<Memory> memory() const;
  std::optional<Cgroup::Usage> usage() const;  // Of a cgroup.
  std::optional<std::int64_t> open_fds() const;
  std::optional<FdKinds> fd_kinds() const;
  std::optional<std::int64_t> threads() const;
  std::optional<std::int64_t> size() const;

 private:
  struct Member {
    Process process;
    ProcessId id;
    std::string name;
    std::uint64_t started = 0;  // In ticks since boot.
  };

  void look();
  template <typename Value, typename Read, typename Add>
  std::optional<Value> sum(Read read, Add add) const;

  const ProcessFinder find_;
  const std::optional<Cgroup> cgroup_;
  mutable std::mutex mutex_;
  std::vector<Member> members_;  // Oldest first.
  bool lead_dominates_ = false;
  std::string lead_;  // "process 4711 (server)", of the last members that there were.
  std::string replacement_;
  std::string unreadable_;
};

}  // namespace soak::probe

#endif  // SOAK_PROBE_PROCESS_GROUP_H_

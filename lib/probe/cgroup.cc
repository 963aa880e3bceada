// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "lib/text/number.h"
#include "soak/error.h"
#include "soak/probe/process_group.h"

namespace soak::probe {
namespace {

constexpr std::string_view kMount = "/sys/fs/cgroup";

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return std::nullopt;
  }
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The number that is the whole of a file; empty for "max".
std::optional<std::int64_t> read_number(const std::string& path) {
  const std::optional<std::string> text = read_text(path);
  return text ? text::parse_number<std::int64_t>(std::string_view(*text).substr(0, text->find('\n'))) : std::nullopt;
}

// The number behind `key` in a file of lines "key 123".
std::optional<std::int64_t> field_of(const std::string& text, std::string_view key) {
  std::istringstream lines(text);
  std::string name;
  std::int64_t value = 0;
  while (lines >> name >> value) {
    if (name == key) {
      return value;
    }
  }
  return std::nullopt;
}

void add_processes(const std::string& folder, std::vector<ProcessId>& processes) {
  std::ifstream file(folder + "/cgroup.procs");
  for (int id = 0; file >> id;) {
    processes.push_back({id});
  }
}

}  // namespace

Cgroup::Cgroup(const std::string& path) : path_(path.starts_with('/') ? path : fmt::format("{}/{}", kMount, path)) {
  while (path_.size() > 1 && path_.ends_with('/')) {
    path_.pop_back();
  }
  if (!std::filesystem::exists(path_ + "/cgroup.procs")) {
    throw Error(Errc::kInvalidArgument,
                fmt::format("{}: no cgroup: expected a folder of version 2, such as /sys/fs/cgroup/system.slice/"
                            "nginx.service",
                            path_));
  }
  if (!usage()) {
    throw Error(Errc::kInvalidArgument,
                fmt::format("{}: has no memory.current and memory.stat: the memory controller of cgroup version 2 is "
                            "not enabled for it",
                            path_));
  }
}

bool Cgroup::exists() const { return std::filesystem::exists(path_ + "/cgroup.procs"); }

std::vector<ProcessId> Cgroup::processes() const {
  std::vector<ProcessId> processes;
  add_processes(path_, processes);
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(path_, error), end; !error && at != end; at.increment(error)) {
    if (at->is_directory(error)) {
      add_processes(at->path(), processes);
    }
  }
  return processes;
}

std::optional<Cgroup::Usage> Cgroup::usage() const {
  const std::optional<std::int64_t> current = read_number(path_ + "/memory.current");
  const std::optional<std::string> stat = read_text(path_ + "/memory.stat");
  if (!current || !stat) {
    return std::nullopt;
  }
  Usage usage;
  usage.current = *current;
  for (const std::string_view kind : {"active_file", "inactive_file", "slab_reclaimable"}) {
    usage.cache += field_of(*stat, kind).value_or(0);
  }
  usage.swap = read_number(path_ + "/memory.swap.current").value_or(0);  // Without swap there is no such file.
  // The files are not read at the same moment.
  usage.held = std::max<std::int64_t>(usage.current - usage.cache, 0) + usage.swap;
  return usage;
}

std::optional<std::int64_t> Cgroup::tasks() const { return read_number(path_ + "/pids.current"); }

std::optional<std::int64_t> Cgroup::event(std::string_view name) const {
  const std::optional<std::string> events = read_text(path_ + "/memory.events");
  return events ? field_of(*events, name) : std::nullopt;
}

std::optional<std::int64_t> memory_limit_of(const std::string& cgroup_path) {
  std::optional<std::int64_t> least;
  std::filesystem::path path(cgroup_path);
  while (path.has_relative_path() && std::filesystem::exists(path / "cgroup.procs")) {
    if (const std::optional<std::int64_t> here = read_number(path / "memory.max")) {
      least = std::min(least.value_or(*here), *here);
    }
    path = path.parent_path();
  }
  return least;
}

std::optional<std::int64_t> memory_limit_of(ProcessId id) {
  std::ifstream file(fmt::format("/proc/{}/cgroup", id.value));
  // Of version 2: "0::/system.slice/nginx.service".
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::/")) {
      return memory_limit_of(std::string(kMount) + line.substr(3));
    }
  }
  return std::nullopt;
}

}  // namespace soak::probe

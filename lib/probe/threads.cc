// SPDX-License-Identifier: Apache-2.0
// Which threads a process started last, for the explanation of a count that rose.

#include <dirent.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "lib/probe/process_stat.h"
#include "soak/probe/process.h"

namespace soak::probe {
namespace {

struct ThreadSeen {
  std::uint64_t started = 0;
  int id = 0;
  std::string name;
};

void add_threads(const std::string& process, std::vector<ThreadSeen>& threads) {
  if (DIR* const directory = ::opendir((process + "/task").c_str())) {
    while (const dirent* entry = ::readdir(directory)) {
      if (entry->d_name[0] != '.') {
        if (std::optional<ProcessStat> stat = read_stat(process + "/task/" + entry->d_name)) {
          threads.push_back({stat->started, std::atoi(entry->d_name), std::move(stat->name)});
        }
      }
    }
    ::closedir(directory);
  }
}

std::vector<std::string> describe(std::vector<ThreadSeen> threads, std::size_t newest) {
  std::sort(threads.begin(), threads.end(), [](const ThreadSeen& a, const ThreadSeen& b) {
    return std::pair(a.started, a.id) > std::pair(b.started, b.id);
  });
  std::map<std::string, std::size_t> counts;
  for (std::size_t i = 0; i < std::min(newest, threads.size()); ++i) {
    ++counts[threads[i].name];
  }
  std::vector<std::pair<std::string, std::size_t>> rows(counts.begin(), counts.end());
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> described;
  for (const auto& [name, count] : rows) {
    described.push_back(std::to_string(count) + (count == 1 ? " thread named " : " threads named ") + name);
  }
  return described;
}

}  // namespace

std::vector<std::string> describe_threads(std::size_t newest) {
  std::vector<ThreadSeen> threads;
  add_threads("/proc/self", threads);
  return describe(std::move(threads), newest);
}

std::vector<std::string> describe_threads(std::size_t newest, const std::vector<ProcessId>& ids) {
  std::vector<ThreadSeen> threads;
  for (const ProcessId id : ids) {
    add_threads("/proc/" + std::to_string(id.value), threads);
  }
  return describe(std::move(threads), newest);
}

}  // namespace soak::probe

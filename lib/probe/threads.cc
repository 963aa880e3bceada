// SPDX-License-Identifier: Apache-2.0
// Which threads this process started last, for the explanation of a count that rose.

#include <dirent.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "soak/probe/process.h"

namespace soak::probe {
namespace {

struct ThreadSeen {
  unsigned long long started = 0;  // In ticks of the kernel's clock.
  long id = 0;
  std::string name;
};

// Of the fields of /proc/<id>/stat, the name is the second, in parentheses, and the start the 22nd.
std::optional<ThreadSeen> read_thread(const std::string& id) {
  std::ifstream file("/proc/self/task/" + id + "/stat");
  std::string line;
  std::getline(file, line);
  const auto begin = line.find('(');
  const auto end = line.rfind(')');
  if (begin == std::string::npos || end == std::string::npos) {
    return std::nullopt;  // It ended.
  }
  std::istringstream fields(line.substr(end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) {
    fields >> skipped;
  }
  ThreadSeen seen{0, std::atol(id.c_str()), line.substr(begin + 1, end - begin - 1)};
  fields >> seen.started;
  return fields ? std::optional(seen) : std::nullopt;
}

}  // namespace

std::vector<std::string> describe_threads(std::size_t newest) {
  std::vector<ThreadSeen> threads;
  if (DIR* const directory = ::opendir("/proc/self/task")) {
    while (const dirent* entry = ::readdir(directory)) {
      if (entry->d_name[0] != '.') {
        if (std::optional<ThreadSeen> seen = read_thread(entry->d_name)) {
          threads.push_back(*std::move(seen));
        }
      }
    }
    ::closedir(directory);
  }
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

}  // namespace soak::probe

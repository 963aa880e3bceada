// SPDX-License-Identifier: Apache-2.0
// Which processes belong together: by descent, and by name.

#include <dirent.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "lib/probe/process_stat.h"
#include "lib/text/number.h"
#include "soak/probe/process_group.h"

namespace soak::probe {
namespace {

constexpr int kLooksMax = 3;

std::vector<int> numbers_in(const std::string& directory) {
  std::vector<int> numbers;
  if (DIR* const opened = ::opendir(directory.c_str())) {
    while (const dirent* entry = ::readdir(opened)) {
      if (const auto number = text::parse_number<int>(entry->d_name)) {
        numbers.push_back(*number);
      }
    }
    ::closedir(opened);
  }
  return numbers;
}

// Each process of the machine, and its parent.
std::map<int, int> all_parents() {
  std::map<int, int> parents;
  for (const int id : numbers_in("/proc")) {
    if (const std::optional<ProcessStat> stat = read_stat(fmt::format("/proc/{}", id))) {
      parents[id] = stat->parent;
    }
  }
  return parents;
}

// The children of processes. The kernel lists them, each thread's, unless it was built without CONFIG_PROC_CHILDREN.
class Children {
 public:
  std::vector<int> of(int id) {
    std::vector<int> children;
    bool listed = false;
    for (const int thread : numbers_in(fmt::format("/proc/{}/task", id))) {
      std::ifstream file(fmt::format("/proc/{}/task/{}/children", id, thread));
      listed |= file.is_open();
      std::copy(std::istream_iterator<int>(file), {}, std::back_inserter(children));
    }
    if (listed) {
      return children;
    }
    if (parents_.empty()) {
      parents_ = all_parents();
    }
    for (const auto& [child, parent] : parents_) {
      if (parent == id) {
        children.push_back(child);
      }
    }
    return children;
  }

 private:
  std::map<int, int> parents_;
};

void add_descendants(int id, Children& children, const std::set<int>& but_not, std::set<int>& found) {
  for (const int child : children.of(id)) {
    if (but_not.count(child) == 0 && found.insert(child).second) {
      add_descendants(child, children, but_not, found);
    }
  }
}

std::string command_line_of(int id) {
  std::ifstream file(fmt::format("/proc/{}/cmdline", id));
  std::string line{std::istreambuf_iterator<char>(file), {}};
  while (!line.empty() && line.back() == '\0') {
    line.pop_back();
  }
  std::replace(line.begin(), line.end(), '\0', ' ');
  return line;
}

// This process, those it descends from, and those that descend from it.
std::set<int> family() {
  std::set<int> family = {::getpid()};
  for (int id = ::getpid(); id > 1;) {
    const std::optional<ProcessStat> stat = read_stat(fmt::format("/proc/{}", id));
    id = stat ? stat->parent : 0;
    family.insert(id);
  }
  Children children;
  add_descendants(::getpid(), children, {}, family);
  return family;
}

}  // namespace

ProcessFinder find_descendants(std::optional<ProcessId> root, std::vector<ProcessId> but_not) {
  std::set<int> left_out;
  for (const ProcessId id : but_not) {
    left_out.insert(id.value);
  }
  return [root, left_out](std::span<const ProcessId> known) {
    Children children;
    std::set<int> found;
    for (const ProcessId id : known) {
      found.insert(id.value);
    }
    for (const ProcessId id : known) {
      add_descendants(id.value, children, left_out, found);
    }
    if (root) {
      add_descendants(root->value, children, left_out, found);
    }
    std::vector<ProcessId> all;
    std::transform(found.begin(), found.end(), std::back_inserter(all), [](int id) { return ProcessId{id}; });
    return all;
  };
}

ProcessFinder find_named(std::string pattern) {
  // How often a process was looked at in vain. One that runs another program does so early in its life, so later looks
  // are spared: with hundreds of processes they are what a search costs.
  return [pattern = std::move(pattern), in_vain = std::map<int, int>()](std::span<const ProcessId> known) mutable {
    const std::set<int> own = family();
    const auto matches = [&pattern](const std::string& text) {
      return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
    };
    std::vector<ProcessId> found;
    std::map<int, int> still_in_vain;
    for (const int id : numbers_in("/proc")) {
      const bool is_known = std::any_of(known.begin(), known.end(), [id](ProcessId one) { return one.value == id; });
      const int looks = in_vain.count(id) != 0 ? in_vain[id] : 0;
      if (is_known ||
          (looks < kLooksMax && own.count(id) == 0 && (matches(name_of({id})) || matches(command_line_of(id))))) {
        found.push_back({id});
      } else {
        still_in_vain[id] = std::min(looks + 1, kLooksMax);
      }
    }
    in_vain = std::move(still_in_vain);
    return found;
  };
}

std::string name_of(ProcessId id) {
  std::ifstream file(fmt::format("/proc/{}/comm", id.value));
  std::string name;
  std::getline(file, name);
  return name;
}

}  // namespace soak::probe

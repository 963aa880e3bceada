// SPDX-License-Identifier: Apache-2.0
#include "lib/probe/process_stat.h"

#include <fstream>
#include <sstream>

namespace soak::probe {

// The name is the second field, in parentheses, and may hold anything; the parent is the fourth, the start the 22nd.
std::optional<ProcessStat> read_stat(const std::string& directory) {
  std::ifstream file(directory + "/stat");
  std::string line;
  std::getline(file, line, '\0');  // The name may hold a line break.
  const auto begin = line.find('(');
  const auto end = line.rfind(')');
  if (begin == std::string::npos || end == std::string::npos) {
    return std::nullopt;
  }
  std::istringstream fields(line.substr(end + 1));
  ProcessStat stat;
  stat.name = line.substr(begin + 1, end - begin - 1);
  std::string state;
  fields >> state >> stat.parent;
  std::string skipped;
  for (int field = 5; field < 22; ++field) {
    fields >> skipped;
  }
  fields >> stat.started;
  return fields ? std::optional(stat) : std::nullopt;
}

}  // namespace soak::probe

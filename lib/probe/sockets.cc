// SPDX-License-Identifier: Apache-2.0
// Who this process's TCP sockets talk to, for the explanation of a finding.

#include <arpa/inet.h>
#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "soak/probe/process.h"

namespace soak::probe {
namespace {

// The kernel's numbers in /proc/net/tcp (include/net/tcp_states.h).
constexpr std::array<const char*, 12> kStates = {"?",          "ESTABLISHED", "SYN_SENT",  "SYN_RECV",
                                                 "FIN_WAIT1",  "FIN_WAIT2",   "TIME_WAIT", "CLOSE",
                                                 "CLOSE_WAIT", "LAST_ACK",    "LISTENING", "CLOSING"};
constexpr unsigned kListening = 10;

std::set<unsigned long> own_socket_inodes() {
  std::set<unsigned long> inodes;
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) {
    return inodes;
  }
  while (const dirent* entry = ::readdir(directory)) {
    struct stat status {};
    if (::fstatat(::dirfd(directory), entry->d_name, &status, 0) == 0 && S_ISSOCK(status.st_mode)) {
      inodes.insert(status.st_ino);
    }
  }
  ::closedir(directory);
  return inodes;
}

// "0100007F:9CB9" as the kernel prints it: the address in words of the machine's byte order.
std::string readable_address(const std::string& hex) {
  const auto colon = hex.find(':');
  if (colon != 8 && colon != 32) {
    return hex;
  }
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < colon / 8; ++i) {
    words[i] = static_cast<std::uint32_t>(std::stoul(hex.substr(i * 8, 8), nullptr, 16));
  }
  const unsigned long port = std::stoul(hex.substr(colon + 1), nullptr, 16);
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(colon == 8 ? AF_INET : AF_INET6, words.data(), text.data(), text.size());
  const std::string host = colon == 8 ? std::string(text.data()) : "[" + std::string(text.data()) + "]";
  return host + ":" + std::to_string(port);
}

}  // namespace

std::vector<std::string> describe_sockets(std::size_t most) {
  const std::set<unsigned long> own = own_socket_inodes();
  std::map<std::string, std::size_t> counts;
  for (const char* path : {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);  // The heading.
    while (std::getline(file, line)) {
      std::istringstream fields(line);
      std::string slot, local, remote, state_hex, queues, timer, retransmits, uid, timeout;
      unsigned long inode = 0;
      fields >> slot >> local >> remote >> state_hex >> queues >> timer >> retransmits >> uid >> timeout >> inode;
      if (!fields || own.count(inode) == 0) {
        continue;
      }
      const auto state = static_cast<unsigned>(std::stoul(state_hex, nullptr, 16));
      const char* state_name = state < kStates.size() ? kStates[state] : "?";
      // Both ends of a loopback connection may be ours; the one with the lower port is taken as the
      // server's, so that a thousand clients of one server are one row.
      const std::string where = state == kListening ? "listening on " + readable_address(local)
                                : std::stoul(local.substr(local.find(':') + 1), nullptr, 16) <
                                        std::stoul(remote.substr(remote.find(':') + 1), nullptr, 16)
                                    ? "accepted on " + readable_address(local) + " in " + state_name
                                    : "to " + readable_address(remote) + " in " + state_name;
      ++counts[where];
    }
  }
  std::vector<std::pair<std::size_t, std::string>> rows;
  for (const auto& [where, count] : counts) {
    rows.emplace_back(count, where);
  }
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> described;
  for (const auto& [count, where] : rows) {
    if (described.size() == most) {
      break;
    }
    described.push_back(std::to_string(count) + (count == 1 ? " socket " : " sockets ") + where);
  }
  return described;
}

}  // namespace soak::probe

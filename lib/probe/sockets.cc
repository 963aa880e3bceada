// SPDX-License-Identifier: Apache-2.0
// Who the TCP sockets of a process talk to, for the explanation of a finding.

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

void add_socket_inodes(const std::string& process, std::set<unsigned long>& inodes) {
  DIR* directory = ::opendir((process + "/fd").c_str());
  if (directory == nullptr) {
    return;
  }
  while (const dirent* entry = ::readdir(directory)) {
    struct stat status {};
    if (::fstatat(::dirfd(directory), entry->d_name, &status, 0) == 0 && S_ISSOCK(status.st_mode)) {
      inodes.insert(status.st_ino);
    }
  }
  ::closedir(directory);
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

struct TcpSocket {
  std::string local;  // As the kernel prints it: address:port, in hex.
  std::string remote;
  unsigned state = 0;
};

std::string port_of(const std::string& address) { return address.substr(address.find(':') + 1); }

// Of processes in one network namespace: "/proc/self", "/proc/4711".
std::vector<TcpSocket> tcp_sockets_of(const std::vector<std::string>& processes) {
  std::set<unsigned long> own;
  for (const std::string& process : processes) {
    add_socket_inodes(process, own);
  }
  std::vector<TcpSocket> sockets;
  if (processes.empty()) {
    return sockets;
  }
  for (const char* table : {"/net/tcp", "/net/tcp6"}) {
    std::ifstream file(processes.front() + table);
    std::string line;
    std::getline(file, line);  // The heading.
    while (std::getline(file, line)) {
      std::istringstream fields(line);
      std::string slot, local, remote, state_hex, queues, timer, retransmits, uid, timeout;
      unsigned long inode = 0;
      fields >> slot >> local >> remote >> state_hex >> queues >> timer >> retransmits >> uid >> timeout >> inode;
      if (fields && own.count(inode) != 0) {
        sockets.push_back({local, remote, static_cast<unsigned>(std::stoul(state_hex, nullptr, 16))});
      }
    }
  }
  return sockets;
}

// Tells which end of a connection is the server's, so that a thousand clients of one server are one row. That is the
// end with a port on which this process listens. If the listening socket is closed, or in another process, it is the
// end that more of our connections share.
class ServerEnds {
 public:
  explicit ServerEnds(const std::vector<TcpSocket>& sockets) {
    for (const TcpSocket& socket : sockets) {
      if (socket.state == kListening) {
        listening_.insert(port_of(socket.local));
      } else {
        ++locals_[socket.local];
        ++remotes_[socket.remote];
      }
    }
  }

  bool is_local(const TcpSocket& socket) const {
    if (listening_.count(port_of(socket.local)) != 0) {
      return true;
    }
    return listening_.count(port_of(socket.remote)) == 0 && locals_.at(socket.local) > remotes_.at(socket.remote);
  }

 private:
  std::set<std::string> listening_;  // Ports.
  std::map<std::string, std::size_t> locals_;
  std::map<std::string, std::size_t> remotes_;
};

std::vector<std::string> describe(const std::vector<TcpSocket>& sockets, std::size_t most) {
  const ServerEnds server_ends(sockets);
  std::map<std::string, std::size_t> counts;
  for (const TcpSocket& socket : sockets) {
    const char* state = socket.state < kStates.size() ? kStates[socket.state] : "?";
    ++counts[socket.state == kListening     ? "listening on " + readable_address(socket.local)
             : server_ends.is_local(socket) ? "accepted on " + readable_address(socket.local) + " in " + state
                                            : "to " + readable_address(socket.remote) + " in " + state];
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

}  // namespace

std::vector<std::string> describe_sockets(std::size_t most) { return describe(tcp_sockets_of({"/proc/self"}), most); }

std::vector<std::string> describe_sockets(std::size_t most, const std::vector<ProcessId>& ids) {
  std::vector<std::string> processes;
  for (const ProcessId id : ids) {
    processes.push_back("/proc/" + std::to_string(id.value));
  }
  return describe(tcp_sockets_of(processes), most);
}

}  // namespace soak::probe

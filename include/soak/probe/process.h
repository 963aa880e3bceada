// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PROBE_PROCESS_H_
#define SOAK_PROBE_PROCESS_H_

// What a process holds right now, read from procfs and, for this one, the allocator.
//
// Reading allocates nothing, so that the probe never shows up in what it measures. A reading that this
// system cannot give is empty, never zero. Safe from any thread. The times are those of a machine of 2026.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "soak/series/measurements.h"

namespace soak::probe {

// Open descriptors by what they are, and this process's TCP sockets by their state.
struct FdKinds {
  std::int64_t sockets = 0;
  std::int64_t pipes = 0;
  std::int64_t anon_inodes = 0;  // What has no file behind it: eventfd, epoll, timerfd, signalfd, io_uring.
  std::int64_t files = 0;        // The rest: files, directories, devices.

  std::int64_t tcp_established = 0;
  std::int64_t tcp_close_wait = 0;  // The other end has closed, this one has not.
  std::int64_t tcp_fin_wait = 0;    // The other way round: half closed from here.
  std::int64_t tcp_listening = 0;
  std::int64_t tcp_other = 0;

  std::int64_t all() const { return sockets + pipes + anon_inodes + files; }
};

class Process {
 public:
  // This process, also in a child of it.
  Process() noexcept = default;

  // Another one; no later process that is given its number is taken for it, and a descriptor of ours is open on it.
  // Throws std::runtime_error that names the process: "process 4711: no such process", or "...: its descriptors may not
  // be read by this user".
  explicit Process(ProcessId id);

  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;

  bool is_self() const noexcept { return directory_ < 0; }

  // True when the process has ended, also while nobody has waited for it yet.
  bool ended() const noexcept;

  // Resident set size, from statm: about 2 us.
  std::optional<std::int64_t> rss_bytes() const noexcept;

  // Proportional set size: RSS with each shared page counted by its share. 13 us for a small process, 8 ms at 1.4 GiB,
  // with the lock held that mmap needs.
  std::optional<std::int64_t> pss_bytes() const noexcept;

  // Open file descriptors: about 1 us where the kernel counts them (Linux 6.2), a listing elsewhere.
  std::optional<std::int64_t> open_fds() const noexcept;

  // About 1 us for each descriptor.
  std::optional<FdKinds> fd_kinds() const noexcept;

  // About 1 us.
  std::optional<std::int64_t> threads() const noexcept;

 private:
  int open_file(const char* self_path) const noexcept;

  int directory_ = -1;  // Of /proc/<id>.
};

// The same of this process.
std::optional<std::int64_t> read_rss_bytes() noexcept;
std::optional<std::int64_t> read_open_fds() noexcept;
std::optional<std::int64_t> read_open_sockets() noexcept;
std::optional<std::int64_t> read_threads() noexcept;  // The probe's own included.

// Heap bytes in use in this process, by the allocator that is there: glibc's mallinfo2, jemalloc's or tcmalloc's own
// count, or the sanitizer's. mallinfo2 walks the free chunks under every arena's lock (30 ms with 200,000 of them):
// read it at quiescent points only. Empty with an allocator that cannot be asked; heap_source() says why.
std::optional<std::int64_t> read_heap_bytes() noexcept;

// Who counts the heap: "mallinfo2", "jemalloc", "tcmalloc", "sanitizer", or "not available: ..." with the reason.
std::string heap_source();

// True when a sanitizer's shadow memory and quarantine make RSS meaningless.
bool rss_is_distorted() noexcept;

// TCP sockets of this process by remote end and state, most numerous first, at most `most` rows:
// "212 sockets to 127.0.0.1:40121 in CLOSE_WAIT". Listening sockets are "listening on ...". Allocates: for
// explaining a finding, not for sampling. Empty where /proc/self/net is not readable.
std::vector<std::string> describe_sockets(std::size_t most);

}  // namespace soak::probe

#endif  // SOAK_PROBE_PROCESS_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PROBE_PROCESS_H_
#define SOAK_PROBE_PROCESS_H_

// What a process holds right now, read from procfs and, for this process, from its allocator.
//
// Reading allocates nothing, so the probe never shows up in its own measurements. If a reading is not available on this
// system, it is nullopt, never zero. Everything is safe on any thread. Times were measured on a machine of 2026.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "soak/series/measurements.h"

namespace soak::probe {

// Open descriptors by kind, and this process's TCP sockets by state.
struct FdKinds {
  std::int64_t sockets = 0;
  std::int64_t pipes = 0;
  std::int64_t anon_inodes = 0;  // Without a file: eventfd, epoll, timerfd, signalfd, io_uring.
  std::int64_t files = 0;        // The rest: files, directories, devices.

  std::int64_t tcp_established = 0;
  std::int64_t tcp_close_wait = 0;  // The other end has closed, this one has not.
  std::int64_t tcp_fin_wait = 0;    // This end has closed, the other has not.
  std::int64_t tcp_listening = 0;
  std::int64_t tcp_other = 0;

  std::int64_t all() const { return sockets + pipes + anon_inodes + files; }
};

// Memory of a process, in bytes. Memory in swap was pushed out, not given back.
struct Memory {
  std::int64_t rss = 0;
  std::int64_t swap = 0;
  // What RSS consists of.
  std::int64_t anonymous = 0;  // Heap, stacks.
  std::int64_t files = 0;      // Mapped files, the program's code among them.
  std::int64_t shared = 0;     // Shared memory.

  std::int64_t all() const { return rss + swap; }
  // Without the pages of files, which the kernel can drop and read again.
  std::int64_t held() const { return anonymous + shared + swap; }
};

class Process {
 public:
  // This process; after fork(), the child.
  Process() noexcept = default;

  // Another process. It keeps a descriptor open on it, so a later process with the same id is not mistaken for it.
  // Throws Error(Errc::kSystem) that names the process: "process 4711: no such process", or "...: its descriptors may
  // not be read by this user".
  explicit Process(ProcessId id) : Process(id, Descriptors::kRequired) {}
  // If they need not be readable: memory and threads can be read without the permission for descriptors, and on Linux
  // 6.2 also their number.
  enum class Descriptors : std::uint8_t { kRequired, kIfReadable };
  Process(ProcessId id, Descriptors descriptors);

  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;

  bool is_self() const noexcept { return directory_ < 0; }

  // True if the process has ended, even if no one has waited for it yet.
  bool ended() const noexcept;

  bool descriptors_are_readable() const noexcept;

  // Resident set size, from statm: about 2 us.
  std::optional<std::int64_t> rss_bytes() const noexcept;

  // From status: about 15 us.
  std::optional<Memory> memory() const noexcept;

  // Proportional set size: RSS with each shared page divided by its users. Takes 13 us for a small process and 8 ms
  // at 1.4 GiB, while it holds the lock that mmap needs.
  std::optional<std::int64_t> pss_bytes() const noexcept;

  // Open file descriptors: about 1 us if the kernel counts them (Linux 6.2), otherwise a directory listing.
  std::optional<std::int64_t> open_fds() const noexcept;

  // About 1 us per descriptor.
  std::optional<FdKinds> fd_kinds() const noexcept;

  // About 1 us.
  std::optional<std::int64_t> threads() const noexcept;

 private:
  int open_file(const char* self_path) const noexcept;

  int directory_ = -1;  // Of /proc/<id>.
};

// The same for this process.
std::optional<std::int64_t> read_rss_bytes() noexcept;
std::optional<std::int64_t> read_open_fds() noexcept;
std::optional<std::int64_t> read_open_sockets() noexcept;
std::optional<std::int64_t> read_threads() noexcept;  // Includes the probe's own.

// Heap bytes in use in this process, as counted by its allocator: glibc's mallinfo2, jemalloc, tcmalloc, or the
// sanitizer. mallinfo2 walks the free chunks under every arena's lock (30 ms with 200,000 of them), so read it at
// quiescent points only. nullopt if the allocator cannot be queried; heap_source() returns why.
std::optional<std::int64_t> read_heap_bytes() noexcept;

// The source of the heap count: "mallinfo2", "jemalloc", "tcmalloc", "sanitizer", or "not available: ..." with the
// reason.
std::string heap_source();

// True if a sanitizer's shadow memory and quarantine make RSS meaningless.
bool rss_is_distorted() noexcept;

// TCP sockets of this process by remote end and state, most numerous first, at most `most` rows:
// "212 sockets to 127.0.0.1:40121 in CLOSE_WAIT". The server's end of a connection is "accepted on ...", a listening
// socket "listening on ...". It allocates, so use it to explain a finding, not to sample. Empty if /proc/self/net is
// not readable.
std::vector<std::string> describe_sockets(std::size_t most);
std::vector<std::string> describe_sockets(std::size_t most, const std::vector<ProcessId>& ids);  // Of these processes.

// The `newest` threads of this process, those that were started last, by their names: "1 thread named rocksdb:low0". It
// allocates, too.
std::vector<std::string> describe_threads(std::size_t newest);
std::vector<std::string> describe_threads(std::size_t newest, const std::vector<ProcessId>& ids);

}  // namespace soak::probe

#endif  // SOAK_PROBE_PROCESS_H_

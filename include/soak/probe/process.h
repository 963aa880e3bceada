// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PROBE_PROCESS_H_
#define SOAK_PROBE_PROCESS_H_

// What this process holds right now, read from procfs and the allocator.
//
// Reading allocates nothing, so that the probe never shows up in what it measures. A reading that this
// system cannot give is empty, never zero. Safe from any thread, one reading at a time.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace soak::probe {

// Resident set size in bytes, from /proc/self/statm: about 1.5 us.
std::optional<std::int64_t> read_rss_bytes() noexcept;

// Open file descriptors: about 10 us where the kernel counts them (Linux 6.2), a listing elsewhere.
std::optional<std::int64_t> read_open_fds() noexcept;

// Open file descriptors that are sockets. Looks at every descriptor: about 1 us each.
std::optional<std::int64_t> read_open_sockets() noexcept;

// Threads of this process, the probe's own included.
std::optional<std::int64_t> read_threads() noexcept;

// Heap bytes in use, by the allocator that is there: glibc's mallinfo2, or the sanitizer's own count.
// mallinfo2 walks the free chunks under every arena's lock (30 ms with 200,000 of them): read it at
// quiescent points only. Empty with an allocator we cannot ask; heap_source() says why.
std::optional<std::int64_t> read_heap_bytes() noexcept;

// Who counts the heap: "mallinfo2", "sanitizer", or "not available: ..." with the reason.
std::string heap_source();

// True when a sanitizer's shadow memory and quarantine make RSS meaningless.
bool rss_is_distorted() noexcept;

// TCP sockets of this process by remote end and state, most numerous first, at most `most` rows:
// "212 sockets to 127.0.0.1:40121 in CLOSE_WAIT". Listening sockets are "listening on ...". Allocates: for
// explaining a finding, not for sampling. Empty where /proc/self/net is not readable.
std::vector<std::string> describe_sockets(std::size_t most);

}  // namespace soak::probe

#endif  // SOAK_PROBE_PROCESS_H_

// SPDX-License-Identifier: Apache-2.0
#include "soak/heap_profile/heap_profile.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "lib/heap_profile/heap_dump.h"
#include "lib/heap_profile/symbols.h"
#include "lib/probe/jemalloc.h"
#include "soak/probe/process.h"

namespace soak::probe {

using std::chrono::nanoseconds;

namespace {

constexpr int kSnapshots = 20;           // Between two of them is a twentieth of the time so far.
constexpr std::size_t kStacks = 5;       // Told of.
constexpr std::size_t kSymbolised = 40;  // Stacks that are given names, of which some then are one.
constexpr std::size_t kFrames = 5;       // Shown of a stack.

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

// What every allocation passes through, and says nothing about whose it is.
bool is_plumbing(const Frame& frame, const std::string& name) {
  if (starts_with(frame.module, "libjemalloc.")) {
    return true;
  }
  for (const std::string_view prefix : {"std::", "__gnu_cxx::", "operator new", "soak::detail::", "__libc_start"}) {
    if (starts_with(name, prefix)) {
      return true;
    }
  }
  for (const std::string_view allocator :
       {"malloc", "calloc", "realloc", "reallocarray", "aligned_alloc", "memalign", "posix_memalign", "_start"}) {
    if (name == allocator) {
      return true;
    }
  }
  return false;
}

// What calls everything: the event loop, GoogleTest. Below it nothing is of interest.
bool is_bottom(const std::string& name) {
  for (const std::string_view prefix : {"testing::", "uv_run", "uv__", "soak::EventLoop::", "soak::UvLoop::",
                                        "soak::VirtualLoop::", "soak::AsyncRun::", "soak::call"}) {
    if (starts_with(name, prefix)) {
      return true;
    }
  }
  return false;
}

std::string frame_text(const Frame& frame, const std::string& name) {
  if (name.empty()) {
    return fmt::format("{}+{:#x}", frame.module, frame.offset);
  }
  return frame.file.empty() ? fmt::format("{} ({})", name, frame.module)
                            : fmt::format("{} ({}:{})", name, frame.file, frame.line);
}

std::vector<std::string> frame_texts(const Stack& stack, Symbols& symbols) {
  std::vector<std::string> shown;
  std::string innermost;
  for (const std::uint64_t address : stack) {
    for (const Frame& frame : symbols.at(address)) {
      const std::string name = frame.function.empty() ? std::string{} : readable_function(frame.function);
      if (innermost.empty() && !starts_with(frame.module, "libjemalloc.")) {
        innermost = frame_text(frame, name);
      }
      if (is_bottom(name) && !shown.empty()) {
        return shown;
      }
      if (!is_plumbing(frame, name)) {
        shown.push_back(frame_text(frame, name));
        if (shown.size() == kFrames) {
          return shown;
        }
      }
    }
  }
  if (shown.empty()) {
    shown.push_back(innermost.empty() ? "an unknown place" : innermost);
  }
  return shown;
}

int memory_file() { return ::memfd_create("soak heap profile", MFD_CLOEXEC); }

std::string contents(int fd) {
  std::string text;
  std::array<char, 65536> buffer;
  ssize_t size = 0;
  while ((size = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(text.size()))) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return text;
}

}  // namespace

std::string heap_profile_unavailable() {
  if (heap_source() == "sanitizer") {
    return "not available: the sanitizer's allocator is there";
  }
  if (!jemalloc::read<bool>("opt.prof").value_or(false)) {
    return "not available: the program was not started with the profiling allocator; --soak_heap_profile or "
           "SOAK_HEAP_PROFILE=1 does that";
  }
  return {};
}

HeapProfile::HeapProfile(nanoseconds duration) : duration_(duration) {
  for (Snapshot* snapshot : snapshots()) {
    snapshot->fd = memory_file();
    if (snapshot->fd < 0) {
      failed_ = fmt::format("not available: no memory file: {}", std::strerror(errno));
    }
  }
}

HeapProfile::~HeapProfile() {
  for (const Snapshot* snapshot : snapshots()) {
    if (snapshot->fd >= 0) {
      ::close(snapshot->fd);
    }
  }
}

void HeapProfile::rest(nanoseconds at, std::uint64_t cycle) {
  if (!failed_.empty() || (baseline_.taken && at < next_ && at < duration_)) {
    return;
  }
  next_ = at + std::min(duration_, at) / kSnapshots;
  if (!baseline_.taken) {
    take(baseline_, at, cycle);
    return;
  }
  if (!later_.taken || at - baseline_.at >= 2 * (later_.at - baseline_.at)) {
    std::swap(middle_, later_);
    take(later_, at, cycle);
  }
  take(last_, at, cycle);
}

void HeapProfile::take(Snapshot& snapshot, nanoseconds at, std::uint64_t cycle) {
  std::array<char, 64> path{};
  *fmt::format_to_n(path.data(), path.size() - 1, "/proc/self/fd/{}", snapshot.fd).out = '\0';
  const char* name = path.data();
  const auto mallctl = jemalloc::mallctl();
  if (mallctl == nullptr || mallctl("prof.dump", nullptr, nullptr, &name, sizeof(name)) != 0) {
    failed_ = "not available: jemalloc wrote no profile";
    return;
  }
  snapshot.taken = true;
  snapshot.at = at;
  snapshot.cycle = cycle;
}

HeapGrowth HeapProfile::growth() const {
  HeapGrowth result;
  result.unavailable = failed_;
  if (failed_.empty() && !last_.taken) {
    result.unavailable = "not available: there were no two quiescent points";
  }
  if (!result.unavailable.empty()) {
    return result;
  }
  const HeapDump first_dump = parse_heap_dump(contents(baseline_.fd));
  const HeapDump last_dump = parse_heap_dump(contents(last_.fd));
  if (first_dump.sample_bytes == 0 || last_dump.sample_bytes == 0) {
    result.unavailable = "not available: jemalloc's profile has an unknown form";
    return result;
  }
  const HeapDump middle_dump = middle_.taken ? parse_heap_dump(contents(middle_.fd)) : first_dump;
  result.from = baseline_.at;
  result.to = last_.at;
  result.from_cycle = baseline_.cycle;
  result.to_cycle = last_.cycle;
  result.sample_bytes = static_cast<std::int64_t>(first_dump.sample_bytes);

  // Stacks that differ only in what is not shown of them are one.
  struct Shown {
    std::vector<std::string> frames;
    GrownStack growth;
  };
  std::vector<Shown> merged;
  Symbols symbols;
  std::vector<GrownStack> stacks = grown(first_dump, middle_dump, last_dump);
  stacks.resize(std::min(stacks.size(), kSymbolised));
  for (const GrownStack& growth : stacks) {
    std::vector<std::string> frames = frame_texts(growth.stack, symbols);
    const auto same =
        std::find_if(merged.begin(), merged.end(), [&](const Shown& other) { return other.frames == frames; });
    if (same == merged.end()) {
      merged.push_back({std::move(frames), growth});
      continue;
    }
    same->growth.bytes += growth.bytes;
    same->growth.objects += growth.objects;
    same->growth.bytes_variance += growth.bytes_variance;
    same->growth.late_bytes += growth.late_bytes;
    same->growth.late_variance += growth.late_variance;
  }
  std::stable_sort(merged.begin(), merged.end(),
                   [](const Shown& a, const Shown& b) { return a.growth.rank() > b.growth.rank(); });
  for (Shown& shown : merged) {
    if (result.stacks.size() < kStacks && shown.growth.is_certain()) {
      result.stacks.push_back({std::llround(shown.growth.bytes), std::max<long>(std::lround(shown.growth.objects), 1),
                               std::move(shown.frames)});
    }
  }
  return result;
}

const HeapProfiler& jemalloc_profiler() {
  static const HeapProfiler profiler{
      &restart_with_heap_profiler,
      &heap_profile_unavailable,
      [](nanoseconds duration) -> std::unique_ptr<HeapRecording> { return std::make_unique<HeapProfile>(duration); },
  };
  return profiler;
}

}  // namespace soak::probe

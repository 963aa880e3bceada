// SPDX-License-Identifier: Apache-2.0
// How much heap is in use, by the allocator that is there.

#include <dlfcn.h>
#include <malloc.h>

#include <cstddef>
#include <cstdint>

#include "lib/probe/jemalloc.h"
#include "soak/probe/process.h"

// Present when a sanitizer replaces the allocator (sanitizer/allocator_interface.h).
extern "C" __attribute__((weak)) std::size_t __sanitizer_get_current_allocated_bytes();

namespace soak::probe {
namespace {

bool allocator_is_sanitizer() noexcept { return &__sanitizer_get_current_allocated_bytes != nullptr; }

// An allocator that replaces glibc's, linked or preloaded: it is asked by its own functions, which are looked up, so
// that soak needs neither. Both are of C, and neither allocates.
struct Foreign {
  using Mallctl = int (*)(const char* name, void* old, std::size_t* old_size, void* fresh, std::size_t fresh_size);
  using NumericProperty = int (*)(const char* name, std::size_t* value);

  Mallctl mallctl = nullptr;                   // jemalloc
  NumericProperty numeric_property = nullptr;  // tcmalloc of gperftools

  static const Foreign& there() noexcept {
    static const Foreign foreign = [] {
      Foreign found;
      found.mallctl = reinterpret_cast<Mallctl>(::dlsym(RTLD_DEFAULT, "mallctl"));
      found.numeric_property =
          reinterpret_cast<NumericProperty>(::dlsym(RTLD_DEFAULT, "MallocExtension_GetNumericProperty"));
      return found;
    }();
    return foreign;
  }
};

std::optional<std::int64_t> jemalloc_bytes(Foreign::Mallctl mallctl) noexcept {
  std::uint64_t epoch = 1;  // Its numbers stand still until this is set.
  std::size_t size = sizeof(epoch);
  std::size_t allocated = 0;
  std::size_t allocated_size = sizeof(allocated);
  if (mallctl("epoch", &epoch, &size, &epoch, size) != 0 ||
      mallctl("stats.allocated", &allocated, &allocated_size, nullptr, 0) != 0) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(allocated) - jemalloc::profile_overhead_bytes();
}

std::optional<std::int64_t> tcmalloc_bytes(Foreign::NumericProperty numeric_property) noexcept {
  std::size_t allocated = 0;
  return numeric_property("generic.current_allocated_bytes", &allocated) != 0
             ? std::optional<std::int64_t>(static_cast<std::int64_t>(allocated))
             : std::nullopt;
}

}  // namespace

std::optional<std::int64_t> read_heap_bytes() noexcept {
  if (allocator_is_sanitizer()) {
    return static_cast<std::int64_t>(__sanitizer_get_current_allocated_bytes());
  }
  const Foreign& foreign = Foreign::there();
  if (foreign.mallctl != nullptr) {
    return jemalloc_bytes(foreign.mallctl);
  }
  if (foreign.numeric_property != nullptr) {
    return tcmalloc_bytes(foreign.numeric_property);
  }
  const struct mallinfo2 info = ::mallinfo2();
  return static_cast<std::int64_t>(info.uordblks + info.hblkhd);
}

std::string heap_source() {
  if (allocator_is_sanitizer()) {
    return "sanitizer";
  }
  const Foreign& foreign = Foreign::there();
  if (foreign.mallctl != nullptr) {
    return read_heap_bytes() ? "jemalloc" : "not available: this jemalloc was built without statistics";
  }
  if (foreign.numeric_property != nullptr) {
    return read_heap_bytes() ? "tcmalloc"
                             : "not available: this tcmalloc does not report generic.current_allocated_bytes";
  }
  return read_heap_bytes().value_or(0) > 0 ? "mallinfo2"
                                           : "not available: the allocator is not glibc's, jemalloc or tcmalloc";
}

bool rss_is_distorted() noexcept { return allocator_is_sanitizer(); }

}  // namespace soak::probe

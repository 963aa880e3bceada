// SPDX-License-Identifier: Apache-2.0
#include "conftest/allocations.h"

#include <atomic>
#include <cstddef>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SOAK_SANITIZED
#endif
#endif
#else
#define SOAK_SANITIZED
#endif

namespace {

std::atomic<std::size_t> g_count{0};
std::atomic<std::size_t> g_bytes{0};
thread_local soak::conftest::Allocations t_allocations;

void count(std::size_t bytes) noexcept {
  g_count.fetch_add(1, std::memory_order_relaxed);
  g_bytes.fetch_add(bytes, std::memory_order_relaxed);
  ++t_allocations.count;
  t_allocations.bytes += bytes;
}

}  // namespace

#ifndef SOAK_SANITIZED
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);

[[gnu::noinline]] void* malloc(std::size_t size) {
  count(size);
  return __libc_malloc(size);
}
[[gnu::noinline]] void* calloc(std::size_t number, std::size_t size) {
  count(number * size);
  return __libc_calloc(number, size);
}
[[gnu::noinline]] void* realloc(void* memory, std::size_t size) {
  count(size);
  return __libc_realloc(memory, size);
}
}
#else
// Only the sanitizer sees them all. Of sanitizer/allocator_interface.h, which g++ does not install.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, std::size_t),
                                                         void (*on_free)(const volatile void*));

namespace {

[[maybe_unused]] const int g_hooks = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t size) { count(size); }, [](const volatile void*) {});

}  // namespace
#endif

namespace soak::conftest {

Allocations allocations() noexcept {
  return {g_count.load(std::memory_order_relaxed), g_bytes.load(std::memory_order_relaxed)};
}

Allocations thread_allocations() noexcept { return t_allocations; }

}  // namespace soak::conftest

// SPDX-License-Identifier: Apache-2.0
#include "soak/detail/frame_cache.h"

#include <array>
#include <atomic>
#include <new>

namespace soak::detail {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SOAK_FRAMES_FROM_NEW
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SOAK_FRAMES_FROM_NEW
#endif
#endif

#ifdef SOAK_FRAMES_FROM_NEW
constexpr bool kMayKeep = false;
#else
constexpr bool kMayKeep = true;
#endif

// glibc's malloc gives 8 bytes less than a multiple of 16; sizes in between cost as much.
constexpr std::size_t kStep = 16;
constexpr std::size_t kHeader = 8;
constexpr std::size_t kClasses = 48;
constexpr std::size_t kFrameBytesMax = kStep * kClasses - kHeader;
constexpr std::size_t kKeptBytesMax = std::size_t{16} << 20U;

constexpr std::size_t class_of(std::size_t size) { return (size + kHeader + kStep - 1) / kStep; }
constexpr std::size_t bytes_of(std::size_t size) { return class_of(size) * kStep - kHeader; }

struct Free {
  Free* next;
};

// Constant-initialised and without a destructor: frames may be freed while a thread's other objects are destroyed.
struct Kept {
  std::array<Free*, kClasses + 1> heads{};
  std::size_t bytes = 0;
  bool thread_ended = false;
};
constinit thread_local Kept t_kept;

// What gives a thread's memory back when the thread ends.
struct AtThreadEnd {
  ~AtThreadEnd() {
    release_frames();
    t_kept.thread_ended = true;
  }
};

constinit std::atomic<bool> g_keeps = kMayKeep;

bool keeps() noexcept { return kMayKeep && g_keeps.load(std::memory_order_relaxed); }

}  // namespace

void* allocate_frame(std::size_t size) {
  if (kMayKeep && size <= kFrameBytesMax) {
    Free*& head = t_kept.heads[class_of(size)];
    if (head != nullptr) {
      Free* const frame = head;
      head = frame->next;
      t_kept.bytes -= bytes_of(size);
      return frame;
    }
    return ::operator new(bytes_of(size));
  }
  return ::operator new(size);
}

void free_frame(void* frame, std::size_t size) noexcept {
  if (keeps() && size <= kFrameBytesMax && t_kept.bytes < kKeptBytesMax && !t_kept.thread_ended) {
    if (t_kept.bytes == 0) {
      [[maybe_unused]] thread_local const AtThreadEnd at_thread_end;
    }
    Free*& head = t_kept.heads[class_of(size)];
    head = new (frame) Free{head};
    t_kept.bytes += bytes_of(size);
    return;
  }
  ::operator delete(frame);
}

void release_frames() noexcept {
  for (Free*& head : t_kept.heads) {
    while (head != nullptr) {
      Free* const frame = head;
      head = frame->next;
      ::operator delete(frame);
    }
  }
  t_kept.bytes = 0;
}

void keep_frames(bool on) noexcept { g_keeps.store(on, std::memory_order_relaxed); }

std::size_t kept_frame_bytes() noexcept { return t_kept.bytes; }

}  // namespace soak::detail

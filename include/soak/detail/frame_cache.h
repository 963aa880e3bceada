// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_FRAME_CACHE_H_
#define SOAK_DETAIL_FRAME_CACHE_H_

// Memory of coroutine frames, kept for the next ones of their size: a task is made and gone in the time that two calls
// of malloc take. Each thread has its own, of at most about 16 MiB; what is over that goes back at once.
//
// What is kept counts as in use for the allocator, so empty the cache before measuring the heap. Under a
// sanitizer, and while a profile of the heap is taken, each frame comes from operator new and goes back to it.

#include <cstddef>

namespace soak::detail {

void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;

// Gives back what the calling thread keeps.
void release_frames() noexcept;

// Whether anything is kept from now on, on all threads. Off, what is kept already is used up.
void keep_frames(bool on) noexcept;

// Bytes that the calling thread keeps.
std::size_t kept_frame_bytes() noexcept;

}  // namespace soak::detail

#endif  // SOAK_DETAIL_FRAME_CACHE_H_

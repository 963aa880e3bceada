// SPDX-License-Identifier: Apache-2.0
#include "soak/detail/throw_cancelled.h"

#ifdef SOAK_RAISES_CANCELLED

#include <cxxabi.h>

#include <cstddef>
#include <cstring>
#include <new>

namespace soak::detail {

namespace {

// What a thread knows of its exceptions: abi-eh.html, 2.2.2.
struct Globals {
  void* caught;
  unsigned int uncaught;
};

}  // namespace

_Unwind_Exception* new_cancelled() noexcept {
  // An exception_ptr is a pointer to the exception. It is never destroyed: whoever catches the exception frees it.
  static_assert(sizeof(std::exception_ptr) == sizeof(void*));
  alignas(std::exception_ptr) std::byte pointer[sizeof(std::exception_ptr)];
  new (pointer) std::exception_ptr(std::make_exception_ptr(Cancelled{}));
  std::byte* exception = nullptr;
  std::memcpy(&exception, pointer, sizeof(exception));
  ++reinterpret_cast<Globals*>(abi::__cxa_get_globals())->uncaught;
  // The unwinder's header ends where the exception begins: 2.2.1.
  return reinterpret_cast<_Unwind_Exception*>(exception - sizeof(_Unwind_Exception));
}

}  // namespace soak::detail

#endif

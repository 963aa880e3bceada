// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_ASYNC_POOL_THREADS_H_
#define SOAK_LIB_ASYNC_POOL_THREADS_H_

namespace soak::detail {

// libuv starts the threads of its pool with the first call that needs them, and aborts the process where it cannot.
// This starts as many and ends them again: the error of the system, 0 if libuv can be asked. Once it was 0 it stays so.
int pool_threads_error() noexcept;

}  // namespace soak::detail

#endif  // SOAK_LIB_ASYNC_POOL_THREADS_H_

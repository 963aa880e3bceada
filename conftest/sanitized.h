// SPDX-License-Identifier: Apache-2.0
#ifndef CONFTEST_SANITIZED_H_
#define CONFTEST_SANITIZED_H_

// For tests of what a sanitizer changes: it has an allocator and memory of its own.

namespace soak::conftest {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace soak::conftest

#endif  // CONFTEST_SANITIZED_H_

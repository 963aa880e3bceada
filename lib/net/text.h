// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_TEXT_H_
#define SOAK_LIB_NET_TEXT_H_

// Numbers as net's messages show them, and the system's errors.

#include <chrono>
#include <cstddef>
#include <string>

namespace soak::net {

std::string format_seconds(std::chrono::nanoseconds time);  // "0.0 s", "30.0 s"
std::string format_bytes(std::size_t bytes);                // "512 bytes", "16.0 MiB"
std::string format_errno(int error);                        // "connection refused"

}  // namespace soak::net

#endif  // SOAK_LIB_NET_TEXT_H_

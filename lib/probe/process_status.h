// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PROBE_PROCESS_STATUS_H_
#define SOAK_LIB_PROBE_PROCESS_STATUS_H_

// What stands in /proc/<id>/status and files like it.

#include <cstdint>
#include <optional>
#include <string_view>

#include "soak/probe/process.h"

namespace soak::probe {

// The number after `label`, in bytes, which stands there in KiB: "\nVmSwap:      128 kB".
std::optional<std::int64_t> bytes_field(std::string_view text, std::string_view label) noexcept;

// nullopt where a field is missing: of a process that has ended, and of one of the kernel.
std::optional<Memory> memory_of(std::string_view status) noexcept;

}  // namespace soak::probe

#endif  // SOAK_LIB_PROBE_PROCESS_STATUS_H_

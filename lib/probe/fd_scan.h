// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PROBE_FD_SCAN_H_
#define SOAK_LIB_PROBE_FD_SCAN_H_

// What the descriptors of a process are. None of these allocates.

#include <cstdint>
#include <optional>

#include "soak/probe/process.h"

namespace soak::probe {

// Those of this process, which has `count`, by asking for each number in turn: a third of the time of listing them.
// False where they lie so far apart that listing is better; `kinds` is then worth nothing.
bool scan_own_fds(std::int64_t count, FdKinds& kinds) noexcept;

// By listing `directory`, a descriptor of /proc/<id>/fd that is closed here. `own` says that it is this process's, so
// that it is left out of the count.
std::optional<FdKinds> list_fd_kinds(int directory, bool own) noexcept;
std::optional<std::int64_t> count_fds(int directory, bool own) noexcept;

}  // namespace soak::probe

#endif  // SOAK_LIB_PROBE_FD_SCAN_H_

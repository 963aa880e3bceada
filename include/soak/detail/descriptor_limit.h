// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_DESCRIPTOR_LIMIT_H_
#define SOAK_DETAIL_DESCRIPTOR_LIMIT_H_

#include <cstdint>

namespace soak::detail {

// Raises this process's limit of open descriptors to `wanted`, or as far as its hard limit lets it; never lowers it.
// Returns the limit that is in force then.
std::uint64_t raise_descriptor_limit(std::uint64_t wanted);

}  // namespace soak::detail

#endif  // SOAK_DETAIL_DESCRIPTOR_LIMIT_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_PROGRAM_H_
#define SOAK_DETAIL_PROGRAM_H_

#include <string>

namespace soak::detail {

// How this program was called: the first word of its command line.
const std::string& program_name();

}  // namespace soak::detail

#endif  // SOAK_DETAIL_PROGRAM_H_

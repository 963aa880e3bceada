// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_TEXT_SINGULAR_H_
#define SOAK_LIB_TEXT_SINGULAR_H_

#include <string>
#include <string_view>

namespace soak::text {

// The singular of an English noun that a counter is called by: "frames" -> "frame", "queries" -> "query", "batches" ->
// "batch". A singular is returned as it is: "class", "status", "series".
std::string singular(std::string_view noun);

}  // namespace soak::text

#endif  // SOAK_LIB_TEXT_SINGULAR_H_

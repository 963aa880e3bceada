// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_PATTERN_TEXT_H_
#define SOAK_LIB_PEERS_PATTERN_TEXT_H_

#include <optional>
#include <string>
#include <string_view>

#include "lib/peers/ids.h"

namespace soak::peers {

// A text that the regular expression matches as a whole, drawn from `ids`: ECMA-262 as JSON Schema uses it, without
// what looks ahead or back, back references, and properties of Unicode. Nothing for these, and for what is no regular
// expression.
std::optional<std::string> text_matching(std::string_view pattern, Ids& ids);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_PATTERN_TEXT_H_

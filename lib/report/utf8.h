// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_REPORT_UTF8_H_
#define SOAK_LIB_REPORT_UTF8_H_

#include <string>
#include <string_view>

namespace soak::report {

// The text with U+FFFD in place of each byte that is no UTF-8: an exception's message may hold anything, and one bad
// byte makes a whole JSON document invalid.
std::string valid_utf8(std::string_view text);

}  // namespace soak::report

#endif  // SOAK_LIB_REPORT_UTF8_H_

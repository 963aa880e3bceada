// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_TEXT_PERCENT_H_
#define SOAK_LIB_TEXT_PERCENT_H_

// Percent-encoding (RFC 3986, section 2.1), and what HTML forms make of it.

#include <string>
#include <string_view>

namespace soak::text {

// Every byte but the unreserved ones (letters, digits and -._~) as %XX. It may stand as a segment of a path, and as a
// name or a value in a query or a form.
std::string percent_encode(std::string_view text);

// Of a path. A percent sign without two hexadecimal digits behind it stands for itself.
std::string percent_decode(std::string_view text);

// The same of a query or a form, where a plus sign stands for a space.
std::string form_decode(std::string_view text);

}  // namespace soak::text

#endif  // SOAK_LIB_TEXT_PERCENT_H_

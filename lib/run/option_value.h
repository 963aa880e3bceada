// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_OPTION_VALUE_H_
#define SOAK_LIB_RUN_OPTION_VALUE_H_

// The values of options as text.

#include <optional>
#include <string>
#include <string_view>

#include "soak/option_table.h"

namespace soak::detail {

// `text` as the option's flag takes it. With `unit` the text is a number alone: "1.5" and "min". Empty where the option
// does not accept it.
std::optional<OptionValue> parse_value(const Option& option, std::string_view text, std::string_view unit = {});

// False for a value that no flag could set.
bool accepts(const Option& option, const OptionValue& value);

// What is accepted: "a time above 0, such as 40ms, 90s, 5m or 24h", "a number of minutes above 0, such as 60 or 0.5".
std::string expected_text(const Option& option, std::string_view unit = {});

// As reports show it: "1m30s".
std::string value_text(const Option& option, const std::optional<OptionValue>& value);

// As the option's flag spells it, exactly: "90s", "24h", "20MiB".
std::string flag_text(const Option& option, const OptionValue& value);

}  // namespace soak::detail

#endif  // SOAK_LIB_RUN_OPTION_VALUE_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_OPTION_REGISTRY_H_
#define SOAK_LIB_RUN_OPTION_REGISTRY_H_

// All options of this program, and the values that its command line and its environment give them.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "soak/option_table.h"
#include "soak/options.h"

namespace soak::detail {

struct KnownOption {
  std::string_view module;
  const Option* option;
};

// The options of this module. They are always known, so they need no OptionTable.
std::vector<const Option*> run_options();

// The value that `code` gives an option. Empty if it gives none or an empty text, and for an option of a driver.
std::optional<OptionValue> value_in_code(const RunOptions& code, const Option& option);

// The options of all tables, sorted by module.
std::vector<KnownOption> driver_options();

// The value of an option, and its source.
struct Setting {
  const Option* option;
  std::optional<OptionValue> value;  // Empty if the option has neither a value nor a default.
  std::string source;                // "flag", "variable", "code" or "default"
  bool of_driver = false;            // It belongs to a driver, whose code may set it later.

  bool asked_outside() const { return source == "flag" || source == "variable"; }
};

// The value from the flag, or else from the variable, or else the default. Throws Error(Errc::kInvalidArgument) if the
// variable has an invalid value.
Setting settle(const Option& option, Mode mode);

// Sets the value from code, unless a flag or a variable has set it. `where` names it in an error:
// "RunOptions::duration". Throws Error(Errc::kInvalidArgument) for an invalid value.
void set_in_code(Setting& setting, const OptionValue& value, Mode mode, const std::string& where);

// The value from the flag or the variable. Empty if neither is set, or if the variable has an invalid value.
std::optional<OptionValue> asked_outside(const Option& option);

// Puts the modes that flags have chosen into the environment, for child processes.
void export_mode_flags();

// Returns null if the variable is not set or is empty.
const char* variable_value(const std::string& name);

}  // namespace soak::detail

#endif  // SOAK_LIB_RUN_OPTION_REGISTRY_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_RUN_OPTION_REGISTRY_H_
#define SOAK_LIB_RUN_OPTION_REGISTRY_H_

// All options of this program, and what its command line and its environment say of them.

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

// The rows of this module, which needs no table to be known.
std::vector<const Option*> run_options();

// What `code` sets an option to; empty where it leaves it or sets an empty text, and for an option of a driver.
std::optional<OptionValue> value_in_code(const RunOptions& code, const Option& option);

// Those of all tables, by module.
std::vector<KnownOption> driver_options();

// The value of an option, and where it comes from.
struct Setting {
  const Option* option;
  std::optional<OptionValue> value;  // Empty where there is none.
  std::string source;                // "flag", "variable", "code" or "default"
  bool of_driver = false;            // Not of this module: what code says of it may come later.

  bool asked_outside() const { return source == "flag" || source == "variable"; }
};

// What a flag says, or else a variable, or else the default. Throws Error(Errc::kInvalidArgument) for a variable that
// is not accepted.
Setting settle(const Option& option, Mode mode);

// What code says, which a flag or a variable beats. `where` is what an error calls it: "RunOptions::duration". Throws
// Error(Errc::kInvalidArgument) for a value that is not accepted.
void set_in_code(Setting& setting, const OptionValue& value, Mode mode, const std::string& where);

// What flags and variables alone say; empty where they say nothing, and for a variable that is not accepted.
std::optional<OptionValue> asked_outside(const Option& option);

// Puts the modes that were asked for by flag into the environment.
void export_mode_flags();

// A variable that is set but empty counts as not set, as in most programs.
const char* variable_value(const std::string& name);

}  // namespace soak::detail

#endif  // SOAK_LIB_RUN_OPTION_REGISTRY_H_

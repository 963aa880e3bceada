// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_FAULT_OPTIONS_H_
#define SOAK_TOOLS_FAULT_OPTIONS_H_

// How a fake provider is told to misbehave.

#include <string>
#include <string_view>
#include <vector>

#include "command_line.h"
#include "soak/fault/script.h"

namespace soak::tools {

// --fault, which can be given more than once.
void add_fault_options(CommandLine& command, std::vector<std::string>& values);

// What they mean. Throws Error(Errc::kInvalidArgument) that says what is expected.
std::vector<fault::Fault> read_faults(const std::vector<std::string>& values);

// Prints how often each of `faults` took effect.
void print_faults(std::string_view name, const std::vector<fault::Fault>& faults, const fault::Script& script);

}  // namespace soak::tools

#endif  // SOAK_TOOLS_FAULT_OPTIONS_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_PROGRAM_H_
#define SOAK_DETAIL_PROGRAM_H_

// What soak knows of the test program it is in: what flags and variables ask of it, and its soak tests.
// soak::Environment owns it and shows it: conftest/environment.h. Ours: not part of the API.

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "soak/detail/command_line.h"

namespace soak {

class Environment;

namespace detail {

// What the flags and variables of this process ask for.
struct Asked {
  ModeRequest mode;
  std::vector<std::string> variable_errors;     // What is wrong with the options' variables, a sentence each.
  std::optional<std::chrono::seconds> timeout;  // When CTest ends this process.
};

// A test that SOAK_TEST, SOAK_TEST_F or SOAK_TEST_P registered.
struct Soak {
  const ::testing::TestInfo* test;  // GoogleTest's.
  bool started = false;
};

// One in a process. The command line is read before the constructors of static objects have run, so the first caller of
// program() makes it.
struct Program {
  std::string name;  // How it was called: the first word of its command line.
  std::vector<Soak> soaks;
  std::optional<Asked> asked;
  bool has_environment = false;
  const Environment* acting = nullptr;  // The Environment that counts, from its SetUp() to its TearDown().
};
Program& program();

// What this process is asked for. Read when the tests begin, or when somebody asks before that.
const Asked& asked();

// GoogleTest has entered this soak.
void mark_started(const ::testing::TestInfo& test);

}  // namespace detail
}  // namespace soak

#endif  // SOAK_DETAIL_PROGRAM_H_

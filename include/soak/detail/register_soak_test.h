// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_REGISTER_SOAK_TEST_H_
#define SOAK_DETAIL_REGISTER_SOAK_TEST_H_

// What SOAK_TEST, SOAK_TEST_F and SOAK_TEST_P hand over to: registration below Soak/, and the gate. Ours: not part of
// the API.

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "soak/detail/program.h"

namespace soak::detail {

// Decides whether the test of this name runs now; if not, it has been skipped or has failed.
bool admit(const std::string& name, const char* file, int line);

void skip_test(const std::string& why);
void fail_test(const std::string& why, const char* file, int line);

// Calls `body`; a Run in it that this mode cannot have skips or fails the test.
void call_body(const std::function<void()>& body, const char* file, int line);

// `value_param` is what GoogleTest says of the test's parameter; null where it has none.
template <typename Fixture, typename Factory>
bool register_soak_test(const std::string& suite, const std::string& name, const char* value_param, const char* file,
                        int line, Factory make) {
  const std::string soak_suite = "Soak/" + suite;
  const std::string full_name = soak_suite + "." + name;
  // A factory that skips or fails the test and makes nothing spares the fixture's constructor and SetUp().
  const ::testing::TestInfo* registered =
      ::testing::RegisterTest(soak_suite.c_str(), name.c_str(), nullptr, value_param, file, line, [=]() -> Fixture* {
        Fixture* test = nullptr;
        if (admit(full_name, file, line)) {
          call_body([&] { test = make(); }, file, line);
        }
        return test;
      });
  program().soaks.push_back({.test = registered});
  return true;
}

}  // namespace soak::detail

#endif  // SOAK_DETAIL_REGISTER_SOAK_TEST_H_

// SPDX-License-Identifier: Apache-2.0
// A program with its own main(), and an environment that cannot always be set up.
#include <gtest/gtest.h>
#include <soak/soak_test.h>

#include <chrono>
#include <cstdlib>
#include <string_view>

#include "conftest/environment.h"

namespace {

class Database : public testing::Environment {
 public:
  void SetUp() override {
    const char* state = std::getenv("CONSUMER_DATABASE");
    if (state != nullptr && std::string_view(state) == "missing") {
      GTEST_SKIP() << "there is no database here";
    }
    if (state != nullptr && std::string_view(state) == "broken") {
      FAIL() << "the database did not start";
    }
  }
};

SOAK_TEST(Database, SurvivesChurn) {
  soak::Run run({.duration = std::chrono::seconds{1}});
  for (auto cycle : run) {
    run.count("queries");
    cycle.quiescent();
  }
  EXPECT_SOAK(run);
}

}  // namespace

int main(int argc, char** argv) {
  soak::init(&argc, argv);
  testing::InitGoogleTest(&argc, argv);
  testing::AddGlobalTestEnvironment(new Database);
  testing::AddGlobalTestEnvironment(new soak::Environment);
  return RUN_ALL_TESTS();
}

// SPDX-License-Identifier: Apache-2.0
// The option of docs/extending.md.

#include "soak/option_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "soak/run_driver.h"

namespace orders {

constexpr std::array kOptions = {soak::Option{.name = "batch_size",
                                              .kind = soak::OptionKind::kCount,
                                              .default_value = "100",
                                              .help = "how many orders a batch holds",
                                              .least = 1}};
constexpr const soak::Option& kBatchSize = kOptions[0];
[[gnu::init_priority(soak::kOptionPriority)]] soak::OptionTable g_options("orders", kOptions);

std::uint64_t batch_size(soak::Run& run, std::optional<std::uint64_t> in_code) {
  return soak::RunDriver(run).setting(kBatchSize, in_code);
}

TEST(ExtendingTest, ThePagesOptionIsOneOfTheProgram) {
  std::vector<std::string> names;
  for (const soak::OptionTable* table = soak::OptionTable::first(); table != nullptr; table = table->next()) {
    for (const soak::Option& option : table->options()) {
      names.push_back(std::string(table->module()) + ": " + std::string(option.name));
    }
  }

  EXPECT_THAT(names, testing::Contains("orders: batch_size"));
}

}  // namespace orders

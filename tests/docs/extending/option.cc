// SPDX-License-Identifier: Apache-2.0
#include "soak/option_table.h"

#include <array>
#include <cstdint>
#include <optional>

#include "soak/run_driver.h"

namespace orders {
namespace {

constexpr std::array kOptions = {soak::Option{.name = "batch_size",
                                              .kind = soak::OptionKind::kCount,
                                              .default_value = "100",
                                              .help = "how many orders a batch holds",
                                              .least = 1}};
constexpr const soak::Option& kBatchSize = kOptions[0];
[[gnu::init_priority(soak::kOptionPriority)]] soak::OptionTable g_options("orders", kOptions);

}  // namespace

std::uint64_t batch_size(soak::Run& run, std::optional<std::uint64_t> in_code) {
  return soak::RunDriver(run).setting(kBatchSize, in_code);
}

}  // namespace orders

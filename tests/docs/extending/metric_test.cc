// SPDX-License-Identifier: Apache-2.0
// The metric of your own code in docs/extending.md.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "soak/metrics/metrics.h"

namespace {

const soak::metrics::Counter g_orders_paid = soak::metrics::counter("orders_paid_total", "Orders that were paid.");

void order_paid() { g_orders_paid.increment(); }

TEST(ExtendingTest, ThePagesMetricIsExported) {
  order_paid();
  order_paid();

  EXPECT_THAT(soak::metrics::exposition(), testing::HasSubstr("\norders_paid_total 2\n"));
}

}  // namespace

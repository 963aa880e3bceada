// SPDX-License-Identifier: Apache-2.0
#include "lib/text/singular.h"

#include <gtest/gtest.h>

#include <utility>

namespace soak::text {
namespace {

TEST(SingularTest, TheSingularOfACounterIsAnEnglishWord) {
  const std::pair<const char*, const char*> words[] = {{"frames", "frame"},        {"reconnects", "reconnect"},
                                                       {"queries", "query"},       {"retries", "retry"},
                                                       {"batches", "batch"},       {"searches", "search"},
                                                       {"caches", "cache"},        {"boxes", "box"},
                                                       {"classes", "class"},       {"flushes", "flush"},
                                                       {"statuses", "status"},     {"responses", "response"},
                                                       {"cookies", "cookie"},      {"keys", "key"},
                                                       {"delays", "delay"},        {"uses", "use"},
                                                       {"db_queries", "db_query"}, {"Queries", "Query"},
                                                       {"fetches", "fetch"},       {"launches", "launch"},
                                                       {"databases", "database"},  {"sizes", "size"},
                                                       {"touches", "touch"},       {"ties", "tie"}};
  for (const auto& [many, one] : words) {
    EXPECT_EQ(singular(many), one);
  }
}

TEST(SingularTest, WhatIsSingularStays) {
  for (const char* word : {"query", "class", "status", "series", "process", "analysis", "s", "", "rss", "put"}) {
    EXPECT_EQ(singular(word), word);
  }
}

}  // namespace
}  // namespace soak::text

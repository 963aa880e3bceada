// SPDX-License-Identifier: Apache-2.0
#include "tools/providers/voice_providers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace soak::tools {
namespace {

using testing::ElementsAreArray;
using testing::UnorderedElementsAreArray;

// CMake's list, from which the folders of lib and tests and the fuzzers are taken.
std::vector<std::string> names_in_cmake() {
  std::istringstream list(SOAK_VOICE_PROVIDERS);
  std::vector<std::string> names;
  for (std::string name; std::getline(list, name, ',');) {
    names.push_back(name);
  }
  return names;
}

TEST(VoiceProvidersTest, EachProviderOfCMakeHasARowAndEachRowAFolder) {
  EXPECT_THAT(voice_provider_names(), UnorderedElementsAreArray(names_in_cmake()));
}

TEST(VoiceProvidersTest, ARowIsFoundByItsName) {
  std::vector<std::string> found;
  for (const std::string& name : voice_provider_names()) {
    EXPECT_TRUE(with_voice_provider(name, [&found](const auto& row) { found.emplace_back(row.name); }));
  }
  EXPECT_THAT(found, ElementsAreArray(voice_provider_names()));
}

TEST(VoiceProvidersTest, AnUnknownNameFindsNoRow) {
  EXPECT_FALSE(with_voice_provider("nobody", [](const auto& row) { FAIL() << row.name; }));
}

// A client's titles and messages call the provider as the command line does.
TEST(VoiceProvidersTest, AClientSaysTheNameOfItsRow) {
  for_each_voice_provider([]<typename Provider>(const Provider& row) {
    VirtualLoop loop;
    const typename Provider::Client client(loop, typename Provider::ClientOptions());
    EXPECT_EQ(client.provider(), row.name);
    EXPECT_EQ(client.input_rate_hz(), Provider::kInputRateHz);
    EXPECT_TRUE(Provider::service_url().starts_with("wss://")) << Provider::service_url();
  });
}

TEST(VoiceProvidersTest, AFakeEndsEachConnectionAfterTheTimeThatItsRowSets) {
  for_each_voice_provider([]<typename Provider>(const Provider& row) {
    if (row.end_connections_after == nullptr) {
      return;
    }
    SCOPED_TRACE(row.name);
    VirtualLoop loop;
    typename Provider::FakeOptions fake_options;
    row.end_connections_after(fake_options, std::chrono::seconds{60});
    typename Provider::Fake fake(loop, fake_options);
    typename Provider::ClientOptions options;
    options.url = fake.url();
    typename Provider::Client client(loop, options);
    loop.run([](voice::Client& own) -> Task<> {
      co_await own.connect();
      co_await sleep_for(std::chrono::minutes{3});
      co_await own.close();
    }(client));

    EXPECT_GE(client.counters().renewals, 2u);
  });
}

}  // namespace
}  // namespace soak::tools

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_VOICE_PROVIDERS_H_
#define SOAK_TESTS_UNIT_VOICE_PROVIDERS_H_

// All providers of the table whose fakes play faults, as types for tests of what holds for each of them.

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tools/providers/voice_providers.h"

namespace soak {

template <typename Provider>
using IfItPlaysFaults = std::conditional_t<tools::PlaysFaults<Provider>, std::tuple<Provider>, std::tuple<>>;

template <typename Table>
struct TypesOf;
template <typename... Rows>
struct TypesOf<std::tuple<Rows...>> {
  template <typename... Chosen>
  static testing::Types<Chosen...> as_types(std::tuple<Chosen...>);
  using type = decltype(as_types(std::tuple_cat(std::declval<IfItPlaysFaults<Rows>>()...)));
};

using Providers = TypesOf<std::remove_const_t<decltype(tools::kVoiceProviders)>>::type;

struct ProviderNames {
  template <typename Provider>
  static std::string GetName(int) {
    return std::string(std::get<Provider>(tools::kVoiceProviders).name);
  }
};

}  // namespace soak

#endif  // SOAK_TESTS_UNIT_VOICE_PROVIDERS_H_

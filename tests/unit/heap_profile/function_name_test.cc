// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "lib/heap_profile/symbols.h"

namespace soak::probe {
namespace {

TEST(FunctionNameTest, IsWhatPeopleCallTheFunction) {
  const std::vector<std::pair<std::string, std::string>> names = {
      {"leak_a_record()", "leak_a_record"},
      {"Cache::put(std::string const&, std::vector<char>) const", "Cache::put"},
      {"foo(foo(int)::_Z3fooi.Frame*) [clone .actor]", "foo"},
      {"run(run(soak::Cycle&)::_Z3runRN4soak5CycleE.Frame*) [clone .actor] [clone .cold]", "run"},
      {"soak::voice::stream(soak::Cycle&) [clone .resume]", "soak::voice::stream"},
      {"(anonymous namespace)::Pool::grow(int)", "Pool::grow"},
      {"body()::{lambda(soak::Cycle&)#1}::operator()(soak::Cycle&) const", "body::{lambda#1}"},
      {"soak::Task<void> spread<int>(int)", "spread<int>"},
      {"std::map<int, int>::iterator find_or_add<int>(std::map<int, int>&)", "find_or_add<int>"},
      {"Map<std::basic_string<char>, std::vector<int> >::put(int)", "Map<...>::put"},
      {"operator new(unsigned long)", "operator new"},
      {"Arena::operator new[](unsigned long)", "Arena::operator new[]"},
      {"Record::operator<<(int)", "Record::operator<<"},
      {"Record::operator->() const", "Record::operator->"},
      {"Record::operator()(int) const", "Record::operator()"},
      {"name[abi:cxx11]()", "name"},
      {"decltype (::new ((void*)(0)) A((declval<B>)())) std::construct_at<A, B>(A*, B&&)", "std::construct_at<A, B>"},
      {"uv_run", "uv_run"},
      {"", ""},
  };

  for (const auto& [demangled, readable] : names) {
    EXPECT_EQ(readable_function(demangled), readable) << demangled;
  }
}

}  // namespace
}  // namespace soak::probe

// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_PARAM_SUITE_H_
#define SOAK_DETAIL_PARAM_SUITE_H_

// The SOAK_TEST_P tests of a fixture and their parameters. Ours: not part of the API.
//
// Not in GoogleTest's registry of TEST_P: there the stock INSTANTIATE_TEST_SUITE_P would name them outside Soak/*, and
// the TEST_P tests of the same fixture would run inside it, without the gate. They are collected here while static
// objects are made, in any order, and registered when GoogleTest registers its own parameterised tests, in
// InitGoogleTest(): only then is a generator evaluated.

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "soak/detail/register_soak_test.h"

namespace soak::detail {

class ParamSuiteBase {
 public:
  ParamSuiteBase(std::string name, const void* fixture_id, const char* file, int line)
      : name_(std::move(name)), fixture_id_(fixture_id), file_(file), line_(line) {}
  virtual ~ParamSuiteBase() = default;
  ParamSuiteBase(const ParamSuiteBase&) = delete;
  ParamSuiteBase& operator=(const ParamSuiteBase&) = delete;

  const std::string& name() const { return name_; }
  const void* fixture_id() const { return fixture_id_; }
  const char* file() const { return file_; }  // Where the suite was first named.
  int line() const { return line_; }

  bool allow_uninstantiated() { return allowed_uninstantiated_ = true; }
  bool allowed_uninstantiated() const { return allowed_uninstantiated_; }

  // True at the first call only: a shared library and the program that links it may both register what is here.
  bool claim() { return !std::exchange(claimed_, true); }

  virtual bool has_tests() const = 0;

  // Returns how many it registered.
  virtual std::size_t register_tests() const = 0;

 private:
  std::string name_;
  const void* fixture_id_;
  const char* file_;
  int line_;
  bool allowed_uninstantiated_ = false;
  bool claimed_ = false;
};

std::vector<std::unique_ptr<ParamSuiteBase>>& param_suites();

// Aborts for a name that GoogleTest does not allow, or that `taken` holds; adds it there.
void check_param_name(const std::string& name, std::set<std::string>& taken, const char* file, int line);

template <typename Fixture>
class ParamSuite final : public ParamSuiteBase {
 public:
  using Param = typename Fixture::ParamType;
  using Info = ::testing::TestParamInfo<Param>;

  // What follows prefix and fixture in SOAK_INSTANTIATE_TEST_SUITE_P.
  struct Parameters {
    Parameters(
        ::testing::internal::ParamGenerator<Param> values_in,
        std::function<std::string(const Info&)> name_in = [](const Info& info) { return std::to_string(info.index); })
        : values(std::move(values_in)), name(std::move(name_in)) {}

    ::testing::internal::ParamGenerator<Param> values;
    std::function<std::string(const Info&)> name;
  };

  using ParamSuiteBase::ParamSuiteBase;

  template <typename TestClass>
  bool add_test(const char* name, const char* file, int line) {
    tests_.push_back({name, file, line, [](const Param& param) -> std::function<Fixture*()> {
                        // GoogleTest's own factory alone may set what GetParam() returns.
                        using Factory = ::testing::internal::ParameterizedTestFactory<TestClass>;
                        auto factory = std::make_shared<Factory>(param);
                        return [factory] { return static_cast<TestClass*>(factory->CreateTest()); };
                      }});
    return true;
  }

  bool instantiate(const char* prefix, const char* file, int line, Parameters (*parameters)()) {
    instantiations_.push_back({prefix, file, line, parameters});
    return true;
  }

  bool has_tests() const override { return !tests_.empty(); }

  std::size_t register_tests() const override {
    std::size_t registered = 0;
    for (const Test& test : tests_) {
      for (const Instantiation& instantiation : instantiations_) {
        const std::string suite = instantiation.prefix.empty() ? name() : instantiation.prefix + "/" + name();
        const Parameters parameters = instantiation.parameters();
        std::set<std::string> taken;
        for (const Param& param : parameters.values) {
          const std::string param_name = parameters.name(Info(param, taken.size()));
          check_param_name(param_name, taken, instantiation.file, instantiation.line);
          register_soak_test<Fixture>(suite, test.name + "/" + param_name, ::testing::PrintToString(param).c_str(),
                                      test.file, test.line, test.factory_for(param));
          ++registered;
        }
      }
    }
    return registered;
  }

 private:
  struct Test {
    std::string name;
    const char* file;
    int line;
    std::function<Fixture*()> (*factory_for)(const Param&);
  };
  struct Instantiation {
    std::string prefix;
    const char* file;
    int line;
    Parameters (*parameters)();
  };

  std::vector<Test> tests_;
  std::vector<Instantiation> instantiations_;
};

// Its address tells fixtures of one name apart.
template <typename Fixture>
inline char g_fixture_id = 0;

// The suite of this fixture, as it is spelt in the macros; made when it is named for the first time.
template <typename Fixture>
ParamSuite<Fixture>& param_suite(const char* name, const char* file, int line) {
  for (const auto& suite : param_suites()) {
    if (suite->fixture_id() == &g_fixture_id<Fixture> && suite->name() == name) {
      return static_cast<ParamSuite<Fixture>&>(*suite);
    }
  }
  auto made = std::make_unique<ParamSuite<Fixture>>(name, &g_fixture_id<Fixture>, file, line);
  ParamSuite<Fixture>& suite = *made;
  param_suites().push_back(std::move(made));
  return suite;
}

}  // namespace soak::detail

#endif  // SOAK_DETAIL_PARAM_SUITE_H_

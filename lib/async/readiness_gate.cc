// SPDX-License-Identifier: Apache-2.0
#include "soak/readiness_gate.h"

#include <fmt/format.h>

#include <algorithm>

#include "soak/error.h"

namespace soak {

ReadinessGate::ReadinessGate(std::initializer_list<Label> conditions) {
  if (conditions.size() == 0) {
    throw Error(Errc::kInvalidArgument, "ReadinessGate of no conditions: expected at least one");
  }
  for (const Label name : conditions) {
    const bool twice = std::any_of(conditions_.begin(), conditions_.end(),
                                   [&](const Condition& condition) { return condition.name.view() == name.view(); });
    if (twice) {
      throw Error(Errc::kInvalidArgument, fmt::format("ReadinessGate has the condition '{}' twice", name.view()));
    }
    conditions_.push_back({name, false});
  }
}

void ReadinessGate::set(Label condition) {
  find(condition).holds = true;
  update();
}

void ReadinessGate::reset(Label condition) {
  find(condition).holds = false;
  update();
}

std::string ReadinessGate::missing() const {
  std::string text;
  for (const Condition& condition : conditions_) {
    if (!condition.holds) {
      text += fmt::format("{}{}", text.empty() ? "" : ", ", condition.name.view());
    }
  }
  return text;
}

ReadinessGate::Condition& ReadinessGate::find(Label name) {
  for (Condition& condition : conditions_) {
    if (condition.name.view() == name.view()) {
      return condition;
    }
  }
  std::string known;
  for (const Condition& condition : conditions_) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", condition.name.view());
  }
  throw Error(Errc::kInvalidArgument,
              fmt::format("ReadinessGate has no condition '{}': expected one of {}", name.view(), known));
}

void ReadinessGate::update() noexcept {
  const bool all = std::all_of(conditions_.begin(), conditions_.end(), [](const Condition& c) { return c.holds; });
  if (!all) {
    ready_.reset();
  } else if (!ready_.is_set()) {
    ready_.set();
  }
}

}  // namespace soak

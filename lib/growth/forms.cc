// SPDX-License-Identifier: Apache-2.0
#include "lib/growth/forms.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace soak::probe::fitting {

double cost_of(const Form& form) {
  switch (form.kind) {
    case Kind::kLine:
      return form.a > 0 ? 2 : 1;
    case Kind::kApproach:
    case Kind::kSlowing:
    case Kind::kHyperbola:
      return 2;
    case Kind::kStep:
    case Kind::kFill:
      return 3;
    case Kind::kRamp:
    case Kind::kS:
    case Kind::kLate:
    case Kind::kCycle:
    case Kind::kTeeth:
      return 4;
  }
  return 0;
}

int columns_of(const Form& form) { return form.kind == Kind::kCycle ? 2 : 1; }

bool is_periodic(Kind kind) { return kind == Kind::kCycle || kind == Kind::kTeeth; }

bool is_jump(Kind kind) {
  return kind == Kind::kStep || kind == Kind::kRamp || kind == Kind::kS || kind == Kind::kLate;
}

bool is_approach(Kind kind) { return kind == Kind::kApproach || kind == Kind::kSlowing || kind == Kind::kHyperbola; }

bool only_upwards(const Form& form) {
  return form.kind == Kind::kSlowing ||
         ((form.kind == Kind::kApproach || form.kind == Kind::kHyperbola) && form.a > kSlow);
}

double value_of(const Form& form, const Block& block, bool cosine) {
  const double u = block.u;
  const double since = block.since;
  switch (form.kind) {
    case Kind::kLine:
      return std::max(u - form.a, 0.0);
    case Kind::kApproach:
      return -std::expm1(-since / form.a);
    case Kind::kSlowing:
      return std::log1p(since / form.a);
    case Kind::kHyperbola:
      return since / (since + form.a);
    case Kind::kStep:
      return u >= form.a ? 1.0 : 0.0;
    case Kind::kFill:
      return std::min(since, form.a);
    case Kind::kRamp:
      return std::clamp(u, form.a, form.b);
    case Kind::kS:
      return 1 / (1 + std::exp((form.a - u) / form.b));
    case Kind::kLate:
      return u < form.a ? 0.0 : -std::expm1((form.a - u) / form.b);
    case Kind::kCycle: {
      const double angle = 2 * std::numbers::pi * form.a * u;
      return cosine ? std::cos(angle) : std::sin(angle);
    }
    case Kind::kTeeth: {
      const double teeth = form.a * (u - 0.5) + form.b;
      return teeth - std::floor(teeth);
    }
  }
  return 0;
}

bool is_in_range(const Form& form, const Limits& limits) {
  const bool scale = form.a >= kScaleMin / 2 && form.a <= limits.scale;
  switch (form.kind) {
    case Kind::kLine:
      return form.a >= 0 && form.a <= 0.97;
    case Kind::kApproach:
    case Kind::kSlowing:
    case Kind::kHyperbola:
      return scale;
    case Kind::kStep:
      return form.a > 0 && form.a < 1;
    case Kind::kFill:
      return form.a >= 0.01 && form.a <= limits.fill;
    case Kind::kRamp:
      return form.a >= 0 && form.b >= form.a + 0.02 && form.b <= kRestFrom;
    case Kind::kS:
      return form.b >= 0.01 && form.a + 3 * form.b <= kRestFrom && form.a > 0;
    case Kind::kLate:
      return form.a >= 0 && form.b >= 0.01 && form.a + 3 * form.b <= 1;
    case Kind::kCycle:
      return form.a >= kCyclesMin && form.a <= kCyclesMax;
    case Kind::kTeeth:
      return form.a >= kTeethMin && form.a <= kTeethMax;
  }
  return false;
}

std::vector<Form> grid_of(const Limits& limits) {
  std::vector<Form> forms;
  for (int i = 0; i < 19; ++i) {
    forms.push_back({Kind::kLine, 0.05 * i});
  }
  forms.push_back({Kind::kLine, 0.93});
  forms.push_back({Kind::kLine, 0.96});
  constexpr int kScales = 10;
  for (int i = 0; i < kScales; ++i) {
    const double scale = kScaleMin * std::pow(limits.scale / kScaleMin, i / (kScales - 1.0));
    forms.push_back({Kind::kApproach, scale});
    forms.push_back({Kind::kSlowing, scale});
    forms.push_back({Kind::kHyperbola, scale});
  }
  for (double at = 0.0125; at < 0.99; at += 0.025) {
    forms.push_back({Kind::kStep, at});
  }
  for (double until = 0.02; until < limits.fill + 0.01; until += until < 0.1 ? 0.4 * until : 0.05) {
    forms.push_back({Kind::kFill, std::min(until, limits.fill)});
  }
  for (double begin = 0.05; begin < 0.8; begin += 0.075) {
    for (double end = begin + 0.075; end < kRestFrom + 0.01; end += 0.075) {
      forms.push_back({Kind::kRamp, begin, std::min(end, kRestFrom)});
    }
  }
  for (const double scale : {0.015, 0.03, 0.06, 0.12}) {
    for (double middle = 0.05; middle + 3 * scale <= kRestFrom; middle += 0.075) {
      forms.push_back({Kind::kS, middle, scale});
    }
    for (double begin = 0.05; begin + 3 * scale <= 1; begin += 0.075) {
      forms.push_back({Kind::kLate, begin, scale});
    }
  }
  for (double cycles = kCyclesMin; cycles <= kCyclesMax; cycles += 0.25) {
    forms.push_back({Kind::kCycle, cycles});
  }
  constexpr int kPhases = 10;
  for (double teeth = kTeethMin; teeth <= kTeethMax; teeth += 0.25) {
    for (int i = 0; i < kPhases; ++i) {
      forms.push_back({Kind::kTeeth, teeth, (i + 0.5) / kPhases});
    }
  }
  return forms;
}

}  // namespace soak::probe::fitting

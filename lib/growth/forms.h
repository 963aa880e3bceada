// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_GROWTH_FORMS_H_
#define SOAK_LIB_GROWTH_FORMS_H_

// The forms that a series may have: step 3 of the method (lib/growth/method.h). Positions and scales are shares of the
// span.

#include <vector>

#include "lib/growth/blocks.h"
#include "lib/growth/method.h"

namespace soak::probe::fitting {

enum class Kind {
  kLine,       // From `a` to the end: growth.
  kApproach,   // 1 - exp(-x / a)
  kSlowing,    // log(1 + x / a)
  kHyperbola,  // x / (x + a)
  kStep,       // At `a`.
  kFill,       // Even growth until `a`.
  kRamp,       // Even growth from `a` to `b`.
  kS,          // A logistic curve around `a`, of the scale `b`.
  kLate,       // An approach that begins at `a`, of the scale `b`.
  kCycle,      // `a` cycles in the span: a sine and a cosine.
  kTeeth,      // A sawtooth with `a` teeth in the span; half-way, the share `b` of one is over.
};

struct Form {
  Kind kind = Kind::kLine;
  double a = 0;
  double b = 0;
};

// Parameters: the amplitude; its scale; and the place, which is one of many, so it counts twice.
double cost_of(const Form& form);

int columns_of(const Form& form);

// Whether it comes back again and again.
bool is_periodic(Kind kind);

// Whether it goes from one level to another, somewhere.
bool is_jump(Kind kind);

// Whether it rises ever more slowly from the beginning on.
bool is_approach(Kind kind);

bool only_upwards(const Form& form);

// The value of a form in a block; of a cycle, of its sine or of its cosine. What a process does when it starts, it does
// in every segment.
double value_of(const Form& form, const Block& block, bool cosine);

// What the forms that begin with every segment can take at most: the scale of slow ones, and the time of a fill. A
// process that was restarted before it could come to rest has not.
struct Limits {
  double scale = kScaleMax;
  double fill = kRestFrom;
};
// Whether the parameters are those of a form that is at rest in time and can be told from others.
bool is_in_range(const Form& form, const Limits& limits);

// The grid that is searched.
std::vector<Form> grid_of(const Limits& limits);

}  // namespace soak::probe::fitting

#endif  // SOAK_LIB_GROWTH_FORMS_H_

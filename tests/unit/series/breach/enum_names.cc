// SPDX-License-Identifier: Apache-2.0
// Must not compile, as long as one of these is defined: MISSING_ROW, WRONG_ORDER.
#include "soak/detail/enum_names.h"

enum class Colour { kRed, kGreen, kBlue };

#if defined(MISSING_ROW)
constexpr soak::detail::EnumNames<Colour> kNames({{Colour::kRed, "red"}, {Colour::kGreen, "green"}});
#elif defined(WRONG_ORDER)
constexpr soak::detail::EnumNames<Colour> kNames({{Colour::kRed, "red"},
                                                  {Colour::kBlue, "blue"},
                                                  {Colour::kGreen, "green"}});
#else
constexpr soak::detail::EnumNames<Colour> kNames({{Colour::kRed, "red"},
                                                  {Colour::kGreen, "green"},
                                                  {Colour::kBlue, "blue"}});
#endif

static_assert(kNames[Colour::kGreen] == "green");

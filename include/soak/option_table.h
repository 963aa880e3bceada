// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_OPTION_TABLE_H_
#define SOAK_OPTION_TABLE_H_

// Options of a driver: one row each, from which the flag, the variable, the help text and the errors follow.
//
//   constexpr std::array kOptions = {
//       soak::Option{.name = "batch_size",
//                    .kind = soak::OptionKind::kCount,
//                    .default_value = "100",
//                    .help = "how many orders a batch holds",
//                    .least = 1}};
//   [[gnu::init_priority(soak::kOptionPriority)]] soak::OptionTable g_options("orders", kOptions);
//
//   std::uint64_t batch_size(soak::Run& run) { return soak::RunDriver(run).setting<std::uint64_t>(kOptions[0]); }
//
// gives --soak_batch_size=20 and SOAK_BATCH_SIZE=20.
//
// Keep the rows, the table and the function that reads them in one source file. Of a static library, a linker takes
// only the files that something refers to. So a program accepts an option if it contains the code that reads it, and no
// other: a flag that nothing reads is an unknown option.
//
// Flags are parsed before ordinary static objects are constructed. A row is therefore a constant, and a table has
// kOptionPriority, which is before all of them.

#include <chrono>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace soak {

inline constexpr int kOptionPriority = 101;  // The first that is not reserved for the compiler's own libraries.

// What the values of an option are, and their type in code.
enum class OptionKind : std::uint8_t {
  kTime,    // std::chrono::nanoseconds: 40ms, 90s, 5m, 24h; above 0, at most 366 days.
  kSize,    // std::uint64_t, in bytes: 512KiB, 20MiB, 1GiB.
  kCount,   // std::uint64_t, from `least` to `most`.
  kShare,   // double, from 0 to 1.
  kSwitch,  // bool: 1 or 0; the flag without a value is 1.
  kPort,    // std::uint16_t; 0 is any free port.
  kText,    // std::string, not empty.
};

// A second name of an option's variable, which takes a number in the unit that its name ends with.
struct OptionAlias {
  std::string_view variable = {};  // "SOAK_DURATION_MIN"
  std::string_view unit = {};      // "min": as in a flag's value.
};

struct Option {
  std::string_view name;           // "batch_size": --soak_batch_size and SOAK_BATCH_SIZE. Letters, digits and _.
  OptionKind kind;                 // Its unit.
  std::string_view default_value;  // As the flag takes it; empty where there is no value unless one is set.
  std::string_view help;           // "how many orders a batch holds"

  OptionAlias alias = {};
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  std::chrono::nanoseconds smoke_max{};  // Of a kTime: the longest it is in a smoke run; 0 is no limit.
  // False for what decides only where results go: it is not part of the command that runs the soak again, and may
  // differ between the parts of a soak.
  bool changes_the_run = true;
  std::string_view no_value = "none";  // What reports and help show where there is no value.
  std::string_view expected = {};      // "a directory": what errors say is expected, where the kind does not say it.
};

// A kPort is held as std::uint64_t.
using OptionValue = std::variant<std::chrono::nanoseconds, std::uint64_t, double, bool, std::string>;

// The options of a module. The program that it is linked into accepts them, for as long as the table lives.
class OptionTable {
 public:
  OptionTable(std::string_view module, std::span<const Option> options) noexcept;
  ~OptionTable();
  OptionTable(const OptionTable&) = delete;
  OptionTable& operator=(const OptionTable&) = delete;

  std::string_view module() const { return module_; }
  std::span<const Option> options() const { return options_; }
  const OptionTable* next() const { return next_; }  // Of all tables, in no particular order.

  static const OptionTable* first();

 private:
  std::string_view module_;
  std::span<const Option> options_;
  OptionTable* next_;
};

}  // namespace soak

#endif  // SOAK_OPTION_TABLE_H_

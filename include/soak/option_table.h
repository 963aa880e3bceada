// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_OPTION_TABLE_H_
#define SOAK_OPTION_TABLE_H_

// Options of a driver. An option is one row; its flag, its variable, its line of --help and its errors are made from
// it.
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
// Keep the rows, the table and the function that reads them in one source file. From a static library, a linker takes
// only the object files that something refers to. So a program accepts an option only if it contains the code that
// reads it; any other flag is an unknown option.
//
// Flags are parsed before ordinary static objects are constructed. So a row is a constant, and a table has
// kOptionPriority, which constructs it first.

#include <chrono>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace soak {

inline constexpr int kOptionPriority = 101;  // The lowest that is not reserved for the compiler's own libraries.

// What values an option takes, and their type in code.
enum class OptionKind : std::uint8_t {
  kTime,     // std::chrono::nanoseconds: 40ms, 90s, 5m, 24h; above 0, at most 366 days.
  kSize,     // std::uint64_t, in bytes: 512KiB, 20MiB, 1GiB.
  kCount,    // std::uint64_t, from `least` to `most`.
  kShare,    // double, from 0 to 1.
  kLeakMax,  // std::string: a size per time or operation, 10MiB/day, 64B/reconnect.
  kSwitch,   // bool: 1 or 0; the flag without a value is 1.
  kPort,     // std::uint16_t; 0 is any free port.
  kText,     // std::string, not empty.
};

// A second name of an option's variable, which takes a number in the unit that its name ends with.
struct OptionAlias {
  std::string_view variable = {};  // "SOAK_DURATION_MIN"
  std::string_view unit = {};      // "min": a unit that a flag's value may have.
};

struct Option {
  std::string_view name;  // "batch_size": --soak_batch_size and SOAK_BATCH_SIZE. Letters, digits and _.
  OptionKind kind;
  std::string_view default_value;  // In the form that the flag takes; empty if there is no default.
  std::string_view help;           // "how many orders a batch holds"

  OptionAlias alias = {};
  std::uint64_t least = 0;  // Of a kCount or a kSize.
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  std::chrono::nanoseconds smoke_max{};  // For a kTime: its maximum in a smoke run; 0 is no limit.
  // False if the option only decides where results go. It is then left out of the command that reruns the soak, and may
  // differ between the parts of a soak.
  bool changes_the_run = true;
  std::string_view no_value = "none";  // What reports and help show if there is no value.
  std::string_view expected = {};      // "a directory": for errors and help; empty uses the text of the kind.
};

// A kPort is stored as std::uint64_t.
using OptionValue = std::variant<std::chrono::nanoseconds, std::uint64_t, double, bool, std::string>;

// The options of a module. A program accepts them for as long as the table exists.
class OptionTable {
 public:
  OptionTable(std::string_view module, std::span<const Option> options) noexcept;
  ~OptionTable();
  OptionTable(const OptionTable&) = delete;
  OptionTable& operator=(const OptionTable&) = delete;

  std::string_view module() const { return module_; }
  std::span<const Option> options() const { return options_; }
  const OptionTable* next() const { return next_; }  // The list of all tables, in no particular order.

  static const OptionTable* first();

 private:
  std::string_view module_;
  std::span<const Option> options_;
  OptionTable* next_;
};

}  // namespace soak

#endif  // SOAK_OPTION_TABLE_H_

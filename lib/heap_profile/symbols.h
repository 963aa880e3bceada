// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_HEAP_PROFILE_SYMBOLS_H_
#define SOAK_LIB_HEAP_PROFILE_SYMBOLS_H_

// Names for the code addresses of this process, by elfutils' libdw: function, file and line where there is debug
// information, also of functions that were inlined; the function from the symbol table otherwise; else the module and
// the offset in it, as addr2line takes it. Looks only at files on this machine.

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace soak::probe {

struct Frame {
  std::string function;  // Demangled, as the compiler spells it; empty where unknown.
  std::string file;      // Without its directory; empty where unknown.
  int line = 0;
  std::string module;  // "libuv.so.1"
  std::uint64_t offset = 0;
};

class Symbols {
 public:
  Symbols();
  ~Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  // The frames at a return address as backtraces hold it, innermost first: one, and one for each inlined call.
  const std::vector<Frame>& at(std::uint64_t return_address);

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::unordered_map<std::uint64_t, std::vector<Frame>> known_;
};

// A demangled name as people say it: without arguments, return type, clone suffix and long template arguments.
// "soak::Task<void> leak(int) [clone .actor]" is "leak".
std::string readable_function(const std::string& demangled);

}  // namespace soak::probe

#endif  // SOAK_LIB_HEAP_PROFILE_SYMBOLS_H_

// SPDX-License-Identifier: Apache-2.0
#include "lib/heap_profile/symbols.h"

#include <cxxabi.h>
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <map>
#include <string_view>
#include <utility>

namespace soak::probe {
namespace {

// Debug information is what stands in the files themselves: libdw's own search would ask a server where one is set.
int no_separate_debug_file(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*, GElf_Word, char**) {
  return -1;
}

const Dwfl_Callbacks kCallbacks = {
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = no_separate_debug_file,
    .section_address = nullptr,
    .debuginfo_path = nullptr,
};

std::string demangled(const char* name) {
  if (name == nullptr) {
    return {};
  }
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = status == 0 && text != nullptr ? text : name;
  std::free(text);
  return result;
}

std::string base_name(const char* path) {
  if (path == nullptr) {
    return {};
  }
  const std::string_view text(path);
  const auto slash = text.rfind('/');
  return std::string(slash == std::string_view::npos ? text : text.substr(slash + 1));
}

// The qualified name that the compiler gave; it gives none to coroutines and lambdas.
std::string linkage_name(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  for (const unsigned name : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    if (dwarf_attr_integrate(die, name, &attribute) != nullptr) {
      return demangled(dwarf_formstring(&attribute));
    }
  }
  return {};
}

// The plain name after those of the scopes that it is declared in.
std::string scoped_name(Dwarf_Die* die) {
  Dwarf_Die declared = *die;
  Dwarf_Attribute attribute;
  Dwarf_Die origin;
  for (const unsigned link : {DW_AT_abstract_origin, DW_AT_specification}) {
    if (dwarf_formref_die(dwarf_attr(&declared, link, &attribute), &origin) != nullptr) {
      declared = origin;
    }
  }
  const char* plain = dwarf_diename(&declared);
  std::string name = plain == nullptr ? "?" : plain;
  Dwarf_Die* scopes = nullptr;
  const int count = dwarf_getscopes_die(&declared, &scopes);
  for (int i = 1; i < count; ++i) {
    const int tag = dwarf_tag(&scopes[i]);
    const char* scope = dwarf_diename(&scopes[i]);
    const bool names = tag == DW_TAG_class_type || tag == DW_TAG_structure_type || tag == DW_TAG_subprogram ||
                       (tag == DW_TAG_namespace && scope != nullptr);
    if (names) {
      name = std::string(scope == nullptr ? "{lambda}" : scope) + "::" + name;  // Only lambdas' types have none.
    }
  }
  std::free(scopes);
  return name;
}

int number_of(Dwarf_Die* die, unsigned name) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = 0;
  return dwarf_formudata(dwarf_attr(die, name, &attribute), &value) == 0 ? static_cast<int>(value) : 0;
}

std::string call_file(Dwarf_Die* unit, Dwarf_Die* inlined) {
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  const auto index = static_cast<std::size_t>(number_of(inlined, DW_AT_call_file));
  if (dwarf_getsrcfiles(unit, &files, &count) != 0 || index >= count) {
    return {};
  }
  return base_name(dwarf_filesrc(files, index, nullptr, nullptr));
}

// The compilation unit that holds the address. clang writes no index of them, for which libdw then takes a neighbour's:
// those are looked at in turn.
Dwarf_Die* unit_at(Dwfl_Module* module, Dwarf_Addr address, Dwarf_Addr* bias) {
  if (Dwarf_Die* unit = dwfl_module_addrdie(module, address, bias);
      unit != nullptr && dwarf_haspc(unit, address - *bias) > 0) {
    return unit;
  }
  Dwarf_Die* unit = nullptr;
  while ((unit = dwfl_module_nextcu(module, unit, bias)) != nullptr) {
    if (dwarf_haspc(unit, address - *bias) > 0) {
      return unit;
    }
  }
  return nullptr;
}

// The functions of a compilation unit that have code, wherever they are described. libdw's own look-up passes over
// those that clang describes inside namespaces, and lambdas inside functions.
struct Function {
  Dwarf_Addr low;
  Dwarf_Addr high;
  Dwarf_Die die;
};

void collect_functions(Dwarf_Die* parent, std::vector<Function>& functions) {
  Dwarf_Die child;
  if (dwarf_child(parent, &child) != 0) {
    return;
  }
  do {
    const int tag = dwarf_tag(&child);
    if (tag == DW_TAG_subprogram) {
      Dwarf_Addr base = 0;
      Function function{0, 0, child};
      std::ptrdiff_t next = 0;
      while ((next = dwarf_ranges(&child, next, &base, &function.low, &function.high)) > 0) {
        functions.push_back(function);
      }
    }
    if (tag == DW_TAG_subprogram || tag == DW_TAG_namespace || tag == DW_TAG_class_type ||
        tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_lexical_block) {
      collect_functions(&child, functions);
    }
  } while (dwarf_siblingof(&child, &child) == 0);
}

// Appends the calls inlined at the address, outermost first.
void collect_inlined(Dwarf_Die* parent, Dwarf_Addr address, std::vector<Dwarf_Die>& inlined) {
  Dwarf_Die child;
  if (dwarf_child(parent, &child) != 0) {
    return;
  }
  do {
    const int tag = dwarf_tag(&child);
    if ((tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block) && dwarf_haspc(&child, address) > 0) {
      if (tag == DW_TAG_inlined_subroutine) {
        inlined.push_back(child);
      }
      collect_inlined(&child, address, inlined);
      return;
    }
  } while (dwarf_siblingof(&child, &child) == 0);
}

// One frame for the function that has the address, and one before it for each call inlined into it.
std::vector<Frame> frames_of(Dwarf_Die* unit, const std::vector<Function>& functions, Dwarf_Addr address,
                             const char* symbol) {
  std::string file;
  int line = 0;
  if (Dwarf_Line* source = dwarf_getsrc_die(unit, address); source != nullptr) {
    file = base_name(dwarf_linesrc(source, nullptr, nullptr));
    dwarf_lineno(source, &line);
  }
  const auto function = std::find_if(functions.begin(), functions.end(), [address](const Function& candidate) {
    return candidate.low <= address && address < candidate.high;
  });
  if (function == functions.end()) {
    return {{demangled(symbol), file, line, {}, 0}};
  }
  std::vector<Frame> frames;
  Dwarf_Die outer = function->die;
  std::vector<Dwarf_Die> inlined;
  collect_inlined(&outer, address, inlined);
  for (auto call = inlined.rbegin(); call != inlined.rend(); ++call) {
    const std::string name = linkage_name(&*call);
    frames.push_back({name.empty() ? scoped_name(&*call) : name, file, line, {}, 0});
    file = call_file(unit, &*call);
    line = number_of(&*call, DW_AT_call_line);
  }
  std::string name = linkage_name(&outer);
  if (name.empty()) {
    name = symbol != nullptr ? demangled(symbol) : scoped_name(&outer);
  }
  frames.push_back({std::move(name), std::move(file), line, {}, 0});
  return frames;
}

}  // namespace

struct Symbols::State {
  Dwfl* dwfl = dwfl_begin(&kCallbacks);
  std::map<const void*, std::vector<Function>> functions;  // By where their unit lies in memory.

  const std::vector<Function>& functions_of(Dwarf_Die* unit) {
    const auto [entry, added] = functions.try_emplace(unit->addr);
    if (added) {
      collect_functions(unit, entry->second);
    }
    return entry->second;
  }

  State() {
    if (dwfl != nullptr) {
      dwfl_linux_proc_report(dwfl, ::getpid());
      dwfl_report_end(dwfl, nullptr, nullptr);
    }
  }
  ~State() { dwfl_end(dwfl); }
};

Symbols::Symbols() : state_(std::make_unique<State>()) {}
Symbols::~Symbols() = default;

const std::vector<Frame>& Symbols::at(std::uint64_t return_address) {
  const auto [entry, added] = known_.try_emplace(return_address);
  std::vector<Frame>& frames = entry->second;
  if (!added) {
    return frames;
  }
  const Dwarf_Addr address = return_address - 1;  // In the call, not after it.
  Dwfl_Module* module = state_->dwfl == nullptr ? nullptr : dwfl_addrmodule(state_->dwfl, address);
  if (module == nullptr) {
    frames.push_back({{}, {}, 0, "?", return_address});
    return frames;
  }
  const char* symbol = dwfl_module_addrname(module, address);
  Dwarf_Addr bias = 0;
  if (Dwarf_Die* unit = unit_at(module, address, &bias); unit != nullptr) {
    frames = frames_of(unit, state_->functions_of(unit), address - bias, symbol);
  }
  if (frames.empty()) {
    frames.push_back({demangled(symbol), {}, 0, {}, 0});
  }
  const std::string name =
      base_name(dwfl_module_info(module, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr));
  GElf_Addr elf_bias = 0;
  dwfl_module_getelf(module, &elf_bias);
  for (Frame& frame : frames) {
    frame.module = name;
    frame.offset = address - elf_bias;
  }
  return frames;
}

}  // namespace soak::probe

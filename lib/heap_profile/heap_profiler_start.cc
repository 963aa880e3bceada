// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "lib/probe/jemalloc.h"
#include "soak/heap_profile/heap_profile.h"
#include "soak/probe/process.h"

namespace soak::probe {
namespace {

constexpr const char* kLibraryName = "libjemalloc.so.2";
constexpr const char* kLibraryVariable = "SOAK_HEAP_PROFILE_LIBRARY";
// Set across the restart only: the library that was put first, so that it can be taken out again.
constexpr const char* kRestartedVariable = "SOAK_HEAP_PROFILE_RESTARTED";
constexpr const char* kPreload = "LD_PRELOAD";
constexpr const char* kOptions = "MALLOC_CONF";
// One sample in 2^14 bytes: a leak of 1 KiB at 25 Hz is some ninety samples a minute, and each KiB allocated costs
// about 0.2 us more. jemalloc::profile_overhead_bytes() reads prof_stats.
constexpr const char* kProfilerOptions = "prof:true,prof_active:true,prof_stats:true,lg_prof_sample:14";

bool is_file(const std::string& path) { return ::access(path.c_str(), R_OK) == 0; }

// Where the dynamic loader would find the library; empty where it would not. It is not opened: two allocators in one
// process would be one too many.
std::string find_library() {
  if (const char* named = std::getenv(kLibraryVariable); named != nullptr && *named != '\0') {
    return is_file(named) ? named : std::string{};
  }
  void* self = ::dlopen(nullptr, RTLD_LAZY);
  Dl_serinfo size{};
  if (self == nullptr || ::dlinfo(self, RTLD_DI_SERINFOSIZE, &size) != 0) {
    return {};
  }
  std::vector<std::max_align_t> buffer(size.dls_size / sizeof(std::max_align_t) + 1);
  auto* paths = reinterpret_cast<Dl_serinfo*>(buffer.data());
  paths->dls_size = size.dls_size;
  paths->dls_cnt = size.dls_cnt;
  std::string found;
  if (::dlinfo(self, RTLD_DI_SERINFO, paths) == 0) {
    for (unsigned i = 0; i < paths->dls_cnt && found.empty(); ++i) {
      const std::string path = fmt::format("{}/{}", paths->dls_serpath[i].dls_name, kLibraryName);
      found = is_file(path) ? path : std::string{};
    }
  }
  ::dlclose(self);
  const std::string local = fmt::format("/usr/local/lib/{}", kLibraryName);
  return found.empty() && is_file(local) ? local : found;
}

// Puts `first` before what the variable holds.
void prepend(const char* variable, const std::string& first, char separator) {
  const char* rest = std::getenv(variable);
  const std::string value = rest == nullptr || *rest == '\0' ? first : fmt::format("{}{}{}", first, separator, rest);
  ::setenv(variable, value.c_str(), 1);
}

// Takes it out again, so that programs which this one starts are their own.
void remove_first(const char* variable, std::string_view first) {
  const char* value = std::getenv(variable);
  if (value == nullptr || std::string_view(value).substr(0, first.size()) != first) {
    return;
  }
  const std::string rest = std::string_view(value).size() > first.size() ? value + first.size() + 1 : "";
  if (rest.empty()) {
    ::unsetenv(variable);
  } else {
    ::setenv(variable, rest.c_str(), 1);
  }
}

std::vector<std::string> command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(file, argument, '\0');) {
    arguments.push_back(argument);
  }
  return arguments;
}

std::string own_path() {
  std::array<char, 4096> buffer{};
  const ssize_t size = ::readlink("/proc/self/exe", buffer.data(), buffer.size() - 1);
  return size > 0 && is_file(buffer.data()) ? buffer.data() : "/proc/self/exe";
}

}  // namespace

std::string restart_with_heap_profiler() {
  if (heap_source() == "sanitizer") {
    return {};
  }
  std::string restarted;
  if (const char* library = std::getenv(kRestartedVariable); library != nullptr) {
    restarted = library;
    ::unsetenv(kRestartedVariable);
    remove_first(kPreload, restarted);
    remove_first(kOptions, kProfilerOptions);
  }
  if (jemalloc::read<bool>("opt.prof").value_or(false)) {
    return {};
  }
  if (!restarted.empty()) {
    return jemalloc::mallctl() == nullptr
               ? fmt::format(
                     "a heap profile needs {}, which did not become this program's allocator (is the program "
                     "linked statically?)",
                     restarted)
               : fmt::format(
                     "a heap profile needs a jemalloc built with its profiler, as Debian's package "
                     "libjemalloc2 is; {} is not",
                     restarted);
  }
  const std::string library = find_library();
  if (library.empty()) {
    const char* named = std::getenv(kLibraryVariable);
    return fmt::format("a heap profile needs {}, which is not here: apt-get install libjemalloc2",
                       named != nullptr && *named != '\0' ? named : kLibraryName);
  }
  std::vector<std::string> arguments = command_line();
  if (arguments.empty()) {
    return "a heap profile restarts the program, but /proc/self/cmdline cannot be read";
  }
  std::vector<char*> argv;
  for (std::string& argument : arguments) {
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  ::setenv(kRestartedVariable, library.c_str(), 1);
  prepend(kPreload, library, ':');
  prepend(kOptions, kProfilerOptions, ',');
  ::execv(own_path().c_str(), argv.data());
  const int error = errno;
  return fmt::format("a heap profile restarts the program, which failed: {}", std::strerror(error));
}

}  // namespace soak::probe

// SPDX-License-Identifier: Apache-2.0
#include "lib/probe/jemalloc.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>

namespace soak::probe::jemalloc {

MallctlFunction mallctl() noexcept {
  static const auto function = reinterpret_cast<MallctlFunction>(::dlsym(RTLD_DEFAULT, "mallctl"));
  return function;
}

std::int64_t profile_overhead_bytes() noexcept {
  // As opt.prof_stats keeps them.
  struct Live {
    std::uint64_t requested_bytes;
    std::uint64_t count;
  };
  // Whatever size a small object has, a sampled one is given this, and jemalloc counts it as in use.
  const auto promoted = read<std::size_t>("arenas.lextent.0.size");
  const auto bins = read<unsigned>("arenas.nbins");
  if (!promoted || !bins || !read<bool>("opt.prof_stats").value_or(false)) {
    return 0;
  }
  std::int64_t overhead = 0;
  for (unsigned bin = 0; bin < *bins; ++bin) {
    std::array<char, 64> name{};
    *fmt::format_to_n(name.data(), name.size() - 1, "arenas.bin.{}.size", bin).out = '\0';
    const auto size = read<std::size_t>(name.data());
    *fmt::format_to_n(name.data(), name.size() - 1, "prof.stats.bins.{}.live", bin).out = '\0';
    const auto live = read<Live>(name.data());
    if (size && live) {
      overhead += static_cast<std::int64_t>(live->count * (*promoted - *size));
    }
  }
  return overhead;
}

}  // namespace soak::probe::jemalloc

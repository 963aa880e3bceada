// SPDX-License-Identifier: Apache-2.0
// read_heap SOURCE: does the probe read the heap by this allocator, and do its numbers follow an allocation? Exit
// status 77 where another allocator is there: the one that was to be loaded is not installed.

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>

#include "soak/probe/probe.h"
#include "soak/probe/process.h"

namespace {

// Rounded up to a size class, an allocation may take a quarter more.
bool follows(std::int64_t moved, std::int64_t size) { return moved >= size && moved <= size + size / 4; }

}  // namespace

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  constexpr std::int64_t kSize = 3'000'000;
  const std::string source = soak::probe::heap_source();
  if (argc != 2 || source != argv[1]) {
    std::printf("the heap is counted by: %s\n", source.c_str());
    return source == "mallinfo2" ? 77 : 1;
  }
  soak::probe::Probe probe;
  probe.rest(1s, 1);
  void* block = ::operator new(kSize);
  std::memset(block, 1, kSize);
  probe.rest(2s, 2);
  ::operator delete(block);
  probe.rest(3s, 3);
  const auto points = probe.measurements().find("heap")->at_rest.points();
  if (points.size() != 3) {
    std::printf("%zu of 3 readings\n", points.size());
    return 1;
  }
  const std::int64_t before = points[0].value;
  const std::int64_t during = points[1].value;
  const std::int64_t after = points[2].value;
  std::printf("%s: %lld, with 3,000,000 bytes more %lld, without them %lld\n", source.c_str(),
              static_cast<long long>(before), static_cast<long long>(during), static_cast<long long>(after));
  return before > 0 && follows(during - before, kSize) && follows(during - after, kSize) ? 0 : 1;
}

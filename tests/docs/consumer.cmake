# SPDX-License-Identifier: Apache-2.0
# The CMake of README.md. The tutorial has the same lines, and its test runs them.

find_package(soak REQUIRED COMPONENTS gating main)
add_executable(answer_cache_soak answer_cache_soak.cc)
target_link_libraries(answer_cache_soak PRIVATE soak::main)
soak_discover_tests(answer_cache_soak DURATION 5m)

# SPDX-License-Identifier: Apache-2.0
#[[
soak_discover_tests(<target> [DURATION <time>] [WORKING_DIRECTORY <dir>])

Registers each soak test of a test program with CTest three times:

  Soak/<Suite>.<Name>          runs for its whole duration on the real clock. Label: soak. Skipped unless
                               GTEST_RUNSOAK=1 is set or the tree was configured with -DSOAK_RUN=ON
  Soak/<Suite>.<Name>/virtual  runs on the virtual clock, in seconds
  Soak/<Suite>.<Name>/smoke    runs for two seconds on the real clock

A plain `ctest` runs the last two and shows the first as Skipped. A parameterised soak has the name that --gtest_filter
takes: Soak/<prefix>/<Suite>.<Name>/<n>.

DURATION (default 60m; a whole number with ms, s, m, h or d) is the most that any of them may take. The CTest TIMEOUT is
1.1 x DURATION + 5 min. A soak set to run longer than that fails at once instead of being killed late.

`ctest -L soak` fails if the soaks are not enabled: the test soak.guard.<target> fails and prints what to type. Register
the program's other tests with gtest_discover_tests(<target> TEST_FILTER -Soak/*).
]]

include_guard(GLOBAL)
include(GoogleTest)

set(SOAK_GUARD_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/SoakGuard.cmake)

# Sets `out` to a duration such as 90s, 60m or 24h in whole seconds.
function(_soak_seconds out duration)
  if(NOT duration MATCHES "^([0-9]+)(ms|s|m|min|h|d)$")
    message(FATAL_ERROR "soak_discover_tests: DURATION is '${duration}': expected a whole number with ms, s, m, h or d, such as 90s or 24h")
  endif()
  set(number ${CMAKE_MATCH_1})
  set(unit ${CMAKE_MATCH_2})
  if(unit STREQUAL "ms")
    math(EXPR seconds "(${number} + 999) / 1000")
  elseif(unit STREQUAL "s")
    set(seconds ${number})
  elseif(unit STREQUAL "h")
    math(EXPR seconds "${number} * 3600")
  elseif(unit STREQUAL "d")
    math(EXPR seconds "${number} * 86400")
  else()
    math(EXPR seconds "${number} * 60")
  endif()
  set(${out} ${seconds} PARENT_SCOPE)
endfunction()

# Registers every soak test of `target` once. gtest_discover_tests() passes PROPERTIES through two scripts and breaks lists
# on the way, so no property may contain a semicolon. It registers disabled tests too, and recognises a suite as disabled
# only if its name begins with DISABLED_. The filter leaves such suites out.
function(_soak_register target suffix timeout)
  cmake_parse_arguments(arg "" "WORKING_DIRECTORY;LIST" "ARGS;PROPERTIES" ${ARGN})
  gtest_discover_tests(${target}
    TEST_FILTER "Soak/*-Soak/DISABLED_*:Soak/*/DISABLED_*"
    NO_PRETTY_VALUES
    TEST_SUFFIX "${suffix}"
    TEST_LIST "${target}_${arg_LIST}"
    EXTRA_ARGS ${arg_ARGS}
    WORKING_DIRECTORY "${arg_WORKING_DIRECTORY}"
    DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${timeout} ${arg_PROPERTIES})
endfunction()

function(soak_discover_tests target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "DURATION;WORKING_DIRECTORY" "")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "soak_discover_tests: unknown argument '${arg_UNPARSED_ARGUMENTS}': expected DURATION or WORKING_DIRECTORY")
  endif()
  if(NOT TARGET ${target})
    message(FATAL_ERROR "soak_discover_tests: no target is named '${target}'")
  endif()
  if(NOT arg_DURATION)
    set(arg_DURATION 60m)
  endif()
  if(NOT arg_WORKING_DIRECTORY)
    set(arg_WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
  endif()
  _soak_seconds(seconds ${arg_DURATION})
  math(EXPR timeout "(${seconds} * 11 + 9) / 10 + 300")

  # A flag overrides every variable, so variables that choose another mode do not affect this test.
  set(arguments --soak_virtual=0 --soak_smoke=0)
  if(SOAK_RUN)
    list(APPEND arguments --gtest_runsoak)
  endif()
  _soak_register(${target} "" ${timeout} LIST real ARGS ${arguments} WORKING_DIRECTORY ${arg_WORKING_DIRECTORY}
    PROPERTIES LABELS soak COST ${seconds} ENVIRONMENT_MODIFICATION SOAK_TEST_TIMEOUT_SEC=set:${timeout})
  _soak_register(${target} /virtual 300 LIST virtual ARGS --soak_virtual WORKING_DIRECTORY ${arg_WORKING_DIRECTORY})
  _soak_register(${target} /smoke 120 LIST smoke ARGS --soak_smoke WORKING_DIRECTORY ${arg_WORKING_DIRECTORY})

  get_property(guarded DIRECTORY PROPERTY SOAK_GUARDED)
  if(NOT guarded)
    set_property(DIRECTORY PROPERTY SOAK_GUARDED TRUE)
    add_test(NAME soak.guard.${target} COMMAND ${CMAKE_COMMAND} -DSOAK_RUN=${SOAK_RUN} -P ${SOAK_GUARD_SCRIPT})
    set_tests_properties(soak.guard.${target} PROPERTIES LABELS soak TIMEOUT 60)
  endif()
endfunction()

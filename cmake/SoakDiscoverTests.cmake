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

The program is asked for its soaks when it is built, or when CTest starts if CMAKE_GTEST_DISCOVER_TESTS_DISCOVERY_MODE is
PRE_TEST, as for gtest_discover_tests().

`ctest -L soak` fails if the soaks are not enabled: the test soak.guard.<target> fails and prints what to type. Register
the program's other tests with gtest_discover_tests(<target> TEST_FILTER -Soak/*).
]]

include_guard(GLOBAL)

include(GoogleTest)  # For the caller: a program's other tests need gtest_discover_tests().

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

  set(run "")
  if(SOAK_RUN)
    set(run --gtest_runsoak)
  endif()
  get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
  set(config "")
  set(config_of_ctest "")
  if(multi_config)
    set(config -$<CONFIG>)
    set(config_of_ctest -\${CTEST_CONFIGURATION_TYPE})
  endif()
  set(base ${CMAKE_CURRENT_BINARY_DIR}/${target}_soaks)
  set(arguments ${base}_arguments${config}.cmake)
  file(GENERATE OUTPUT ${arguments} CONTENT
"set(soak_program [==[$<TARGET_FILE:${target}>]==])
set(soak_emulator [==[$<TARGET_PROPERTY:${target},CROSSCOMPILING_EMULATOR>]==])
set(soak_working_directory [==[${arg_WORKING_DIRECTORY}]==])
set(soak_list [==[${base}${config}.cmake]==])
set(soak_run ${run})
set(soak_seconds ${seconds})
set(soak_timeout ${timeout})
")
  set(listing "")
  if(CMAKE_GTEST_DISCOVER_TESTS_DISCOVERY_MODE STREQUAL "PRE_TEST")
    set(listing "set(SOAK_ARGUMENTS \"${base}_arguments${config_of_ctest}.cmake\")
include(\"\${SOAK_ARGUMENTS}\")
if(EXISTS \"\${soak_program}\" AND (\"\${soak_program}\" IS_NEWER_THAN \"\${soak_list}\" OR
   \"\${SOAK_ARGUMENTS}\" IS_NEWER_THAN \"\${soak_list}\"))
  include(\"${CMAKE_CURRENT_FUNCTION_LIST_DIR}/SoakListTests.cmake\")
endif()
")
  else()
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${arguments})  # When they change, it is asked again.
    add_custom_command(TARGET ${target} POST_BUILD BYPRODUCTS ${base}${config}.cmake
      COMMAND ${CMAKE_COMMAND} -DSOAK_ARGUMENTS=${arguments} -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/SoakListTests.cmake VERBATIM)
  endif()
  file(WRITE ${base}_include.cmake
"${listing}if(EXISTS \"${base}${config_of_ctest}.cmake\")
  include(\"${base}${config_of_ctest}.cmake\")
else()
  add_test(${target}_NOT_BUILT ${target}_NOT_BUILT)
endif()
")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${base}_include.cmake)

  get_property(guarded DIRECTORY PROPERTY SOAK_GUARDED)
  if(NOT guarded)
    set_property(DIRECTORY PROPERTY SOAK_GUARDED TRUE)
    add_test(NAME soak.guard.${target} COMMAND ${CMAKE_COMMAND} -DSOAK_RUN=${SOAK_RUN} -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/SoakGuard.cmake)
    set_tests_properties(soak.guard.${target} PROPERTIES LABELS soak TIMEOUT 60)
  endif()
endfunction()

# SPDX-License-Identifier: Apache-2.0
# Asks a test program for its soaks, and writes the CTest commands that register them. It runs after the program is built,
# or in ctest with DISCOVERY_MODE PRE_TEST; SOAK_ARGUMENTS is a file that soak_discover_tests() wrote.
#
# Why not gtest_discover_tests(): it makes CTest show a test as Skipped if it prints GoogleTest's skip mark. GoogleTest also
# prints the mark when the SetUp() of an Environment failed, so CTest would hide that failure. Here the program prints a line
# of its own when nothing ran and nothing failed (conftest/environment.cc), and CTest looks for that line.

include(${SOAK_ARGUMENTS})

# The filter leaves out disabled suites. GoogleTest disables a suite if any part of its name begins with DISABLED_.
execute_process(
  COMMAND ${soak_emulator} ${soak_program} --gtest_list_tests --gtest_filter=Soak/*-Soak/DISABLED_*:Soak/*/DISABLED_*
  WORKING_DIRECTORY ${soak_working_directory}
  TIMEOUT 60
  OUTPUT_VARIABLE soak_listed
  ERROR_VARIABLE soak_errors
  RESULT_VARIABLE soak_result)
if(NOT "${soak_result}" STREQUAL "0")
  message(FATAL_ERROR "${soak_program} --gtest_list_tests: ${soak_result}\n${soak_listed}${soak_errors}")
endif()

# soak_add(<suffix> <arguments> <properties>): adds the soak ${soak_suite}.${soak_name} to ${soak_commands}.
function(soak_add suffix arguments properties)
  string(APPEND soak_commands
    "add_test([==[${soak_suite}.${soak_shown}${suffix}]==] ${soak_command} ${arguments})\n"
    "set_tests_properties([==[${soak_suite}.${soak_shown}${suffix}]==] PROPERTIES"
    " WORKING_DIRECTORY [==[${soak_working_directory}]==] SKIP_REGULAR_EXPRESSION \"\\nsoak: nothing ran, nothing failed\\n\""
    "${soak_disabled} ${properties})\n")
  set(soak_commands "${soak_commands}" PARENT_SCOPE)
endfunction()

# "Soak/Cache/Sized.", and below it "  SurvivesChurn/1  # GetParam() = ...", whose value may be any text.
string(REGEX REPLACE " +#[^\n]*" "" soak_listed "${soak_listed}")
string(REGEX MATCHALL "[^\n;]+" soak_lines "${soak_listed}")
set(soak_commands "")
set(soak_suite "")
foreach(soak_line IN LISTS soak_lines)
  if(soak_line MATCHES "^(Soak/[^ ]+)\\.$")
    set(soak_suite ${CMAKE_MATCH_1})
  elseif(soak_suite AND soak_line MATCHES "^  ([^ ]+)$")
    set(soak_name ${CMAKE_MATCH_1})
    set(soak_disabled "")
    if(soak_name MATCHES "^DISABLED_")
      set(soak_disabled " DISABLED TRUE")
    endif()
    string(REGEX REPLACE "^DISABLED_" "" soak_shown ${soak_name})
    set(soak_command "")
    foreach(soak_word IN LISTS soak_emulator soak_program)
      string(APPEND soak_command " [==[${soak_word}]==]")
    endforeach()
    string(APPEND soak_command " --gtest_filter=${soak_suite}.${soak_name} --gtest_also_run_disabled_tests")
    # A flag overrides every variable, so variables that choose another mode do not affect a test.
    soak_add("" "--soak_virtual=0 --soak_smoke=0 ${soak_run}"
      "TIMEOUT ${soak_timeout} LABELS soak COST ${soak_seconds} ENVIRONMENT_MODIFICATION \"SOAK_CTEST=set:1;SOAK_TEST_TIMEOUT_SEC=set:${soak_timeout}\"")
    soak_add(/virtual --soak_virtual "TIMEOUT 300 ENVIRONMENT_MODIFICATION SOAK_CTEST=set:1")
    soak_add(/smoke --soak_smoke "TIMEOUT 120 ENVIRONMENT_MODIFICATION SOAK_CTEST=set:1")
  else()
    set(soak_suite "")
  endif()
endforeach()
file(WRITE ${soak_list} "${soak_commands}")

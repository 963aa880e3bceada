# SPDX-License-Identifier: Apache-2.0
# The guard among the tests with the label soak: fails when CTest was asked for that label while the soaks are not
# enabled, so that a job which would skip all of them is not green. It can see that only in the command line of its
# parent, which is ctest.

if(SOAK_RUN OR "$ENV{GTEST_RUNSOAK}" MATCHES "^(1|true|yes|on)$")
  message(STATUS "soak tests are enabled")
  return()
endif()

file(READ /proc/self/stat stat)
# "1234 (cmake) R 1233 ...": the name may hold spaces and parentheses.
string(REGEX REPLACE "^.*\\) [A-Za-z] ([0-9]+) .*$" "\\1" parent "${stat}")
file(READ /proc/${parent}/cmdline command HEX)
# Arguments end with a NUL byte, which no CMake string can hold.
string(REGEX MATCHALL ".." bytes "${command}")
set(arguments "")
set(word "")
foreach(byte IN LISTS bytes)
  if(byte STREQUAL "00")
    list(APPEND arguments "${word}")
    set(word "")
  else()
    math(EXPR code "0x${byte}")
    string(ASCII ${code} character)
    string(APPEND word "${character}")
  endif()
endforeach()

set(asked FALSE)
set(next_is_label FALSE)
foreach(argument IN LISTS arguments)
  if(next_is_label)
    set(next_is_label FALSE)
    if("soak" MATCHES "${argument}")
      set(asked TRUE)
    endif()
  elseif(argument STREQUAL "-L" OR argument STREQUAL "--label-regex")
    set(next_is_label TRUE)
  elseif(argument MATCHES "^(-L|--label-regex=)(.+)$")
    if("soak" MATCHES "${CMAKE_MATCH_2}")
      set(asked TRUE)
    endif()
  endif()
endforeach()

if(asked)
  message(FATAL_ERROR "ctest was asked for the label soak, but the soak tests are not enabled: all of them are skipped.
Run them with
  GTEST_RUNSOAK=1 ctest -L soak
or in a tree configured with -DSOAK_RUN=ON.")
endif()
message(STATUS "soak tests are not enabled, and nobody asked for the label")

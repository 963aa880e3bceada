# SPDX-License-Identifier: Apache-2.0
# A test with the label soak that fails if CTest was started with `-L soak` while the soaks are not enabled. Without it, a
# job that skips all soaks would be green. The only place to see the label is the command line of the parent, ctest.

if(SOAK_RUN OR "$ENV{GTEST_RUNSOAK}" MATCHES "^(1|true|yes|on)$")
  message(STATUS "soak tests are enabled")
  return()
endif()

file(READ /proc/self/stat stat)
# "1234 (cmake) R 1233 ...": the name may hold spaces and parentheses.
string(REGEX REPLACE "^.*\\) [A-Za-z] ([0-9]+) .*$" "\\1" parent "${stat}")
file(READ /proc/${parent}/cmdline command HEX)
# Arguments end with a NUL byte. A CMake string cannot hold one, hence the hexadecimal form.
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
  message(FATAL_ERROR "You selected the label soak, but the soak tests are not enabled, so all of them were skipped.
Run them with
  GTEST_RUNSOAK=1 ctest -L soak
or configure the tree with -DSOAK_RUN=ON.")
endif()
message(STATUS "soak tests are not enabled, and the label soak was not selected")

# SPDX-License-Identifier: Apache-2.0
# Warnings and sanitizers for soak's own code. They apply to this directory and below, so they never
# reach a project that adds soak as a subdirectory or finds it installed.

if(SOAK_WERROR)
  add_compile_options(
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
    -Wold-style-cast -Wcast-qual -Wformat=2 -Woverloaded-virtual -Wimplicit-fallthrough -Werror)
  # At -O3, g++ takes a local that leaves an intrusive list before it ends for one that is left there.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-dangling-pointer)
  endif()
  # At -O3, g++ 12 sees an overlap in any sum of strings (GCC bug 105651).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    add_compile_options(-Wno-restrict)
  endif()
endif()

if(SOAK_SANITIZE)
  add_compile_options(-fsanitize=${SOAK_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SOAK_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    add_compile_options(-fsanitize-ignorelist=${CMAKE_CURRENT_LIST_DIR}/sanitizer_ignorelist.txt)
  endif()
endif()

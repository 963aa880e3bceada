# SPDX-License-Identifier: Apache-2.0
# Warnings and sanitizers for soak's own code. They apply to this directory and below, so they never affect a project that
# adds soak as a subdirectory or uses an installed copy.

if(SOAK_WERROR)
  add_compile_options(
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
    -Wold-style-cast -Wcast-qual -Wformat=2 -Woverloaded-virtual -Wimplicit-fallthrough -Werror)
  # At -O3, g++ warns about a local object in an intrusive list, although it leaves the list before it is destroyed.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-dangling-pointer)
  endif()
  # At -O3, g++ 12 warns about an overlap whenever strings are concatenated (GCC bug 105651), or about an overflow, or
  # about bounds.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    add_compile_options(-Wno-restrict "$<$<CONFIG:Release>:-Wno-stringop-overflow;-Wno-array-bounds>")
  endif()
endif()

if(SOAK_SANITIZE)
  add_compile_options(-fsanitize=${SOAK_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SOAK_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    add_compile_options(-fsanitize-ignorelist=${CMAKE_CURRENT_LIST_DIR}/sanitizer_ignorelist.txt)
  endif()
endif()

# SPDX-License-Identifier: Apache-2.0
# CPack runs this on what it has installed. CMake strips no static library, and debug information is most of its size.
file(GLOB_RECURSE archives ${CPACK_TEMPORARY_DIRECTORY}/*.a)
find_program(STRIP strip REQUIRED)
foreach(archive IN LISTS archives)
  execute_process(COMMAND ${STRIP} --strip-debug --enable-deterministic-archives ${archive} COMMAND_ERROR_IS_FATAL ANY)
endforeach()

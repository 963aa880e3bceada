# SPDX-License-Identifier: Apache-2.0
#[[
soak_module(<name> [STATIC | INTERFACE]
  [SOURCES <file>...]              the sources of the library
  [CONSUMER_SOURCES <file>...]     what is compiled in the program that links it, against that program's own libraries
  [HEADERS <path>...]              public headers, below include/soak/
  [PUBLIC <target>...]             targets to link; an INTERFACE module has only these
  [PRIVATE <target>...]
  [COMPILED_IN <target>...]        whose headers are compiled in, and nothing of which is installed
  [UNLESS <reason>])               leaves the module out for this reason, if it is not empty

One module: the library soak_<name>, alias soak::<name>, which is the component <name> of find_package(soak), with an
export file and a pkg-config file of its own. Its sources include a private header as "lib/<module>/<header>".

If something that the module links is missing or left out, the module is left out too, without an error.
SOAK_WITH_<NAME>=OFF leaves it out; ON makes leaving it out an error, and SOAK_WITH_ALL=ON does so for all modules. After
the call, test `if(TARGET soak::<name>)`.
]]

include(${CMAKE_CURRENT_LIST_DIR}/SoakDependencies.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/SoakPkgConfig.cmake)

# Headers that are needed only to build soak.
soak_dependency(Boost TARGET Boost::headers PACKAGE libboost-dev FIND Boost)
soak_dependency(Eigen3 TARGET Eigen3::Eigen PACKAGE libeigen3-dev FIND Eigen3)
soak_dependency(RapidJSON TARGET SoakBuild::rapidjson PACKAGE rapidjson-dev FIND RapidJSON)
find_package(RapidJSON QUIET)  # Debian 12's package defines no target.
if(RapidJSON_FOUND AND NOT TARGET SoakBuild::rapidjson)
  add_library(SoakBuild::rapidjson INTERFACE IMPORTED)
  target_include_directories(SoakBuild::rapidjson INTERFACE ${RapidJSON_INCLUDE_DIRS} ${RAPIDJSON_INCLUDE_DIRS})
endif()
foreach(name IN LISTS _soak_dependencies)
  soak_find_dependency(${name} SOAK_MISSING_${_soak_dependency_${name}_TARGET})
endforeach()

set(SOAK_WITH_ALL AUTO CACHE STRING "AUTO leaves out the components whose dependencies are missing; ON makes that an error")
set_property(CACHE SOAK_WITH_ALL PROPERTY STRINGS AUTO ON)

# The name of the dependency that provides `target`; empty if none does.
function(_soak_dependency_of target out)
  set(${out} "" PARENT_SCOPE)
  foreach(name IN LISTS _soak_dependencies)
    if(target STREQUAL "${_soak_dependency_${name}_TARGET}")
      set(${out} ${name} PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

# Why the module cannot be built, judging by what it links: a list, empty if it can.
function(_soak_why_not out)
  set(why "")
  foreach(target IN LISTS ARGN)
    if(target MATCHES "^soak::(.+)$")
      if(NOT TARGET ${target})
        get_property(inherited GLOBAL PROPERTY SOAK_WHY_NOT_${CMAKE_MATCH_1})
        list(APPEND why ${inherited})
      endif()
    elseif(target MATCHES "::" AND NOT TARGET ${target})
      list(APPEND why "${SOAK_MISSING_${target}}")
    endif()
  endforeach()
  list(REMOVE_DUPLICATES why)
  set(${out} "${why}" PARENT_SCOPE)
endfunction()

# Decides whether the module is built, and records what it uses and needs. Sets SOAK_BUILD_MODULE.
function(_soak_decide name unless)
  string(TOUPPER ${name} upper)
  set(SOAK_WITH_${upper} "" CACHE STRING "Build the component ${name}: AUTO, ON or OFF; empty is SOAK_WITH_ALL")
  set_property(CACHE SOAK_WITH_${upper} PROPERTY STRINGS "" AUTO ON OFF)
  set(with "${SOAK_WITH_${upper}}")
  if("${with}" STREQUAL "")
    set(with ${SOAK_WITH_ALL})
  endif()
  _soak_why_not(why ${ARGN})
  list(APPEND why ${unless})  # Unquoted, so that empty elements are dropped.
  list(REMOVE_DUPLICATES why)
  if(NOT with STREQUAL "AUTO" AND NOT with)
    set(why "SOAK_WITH_${upper}=OFF")
  elseif(why AND NOT with STREQUAL "AUTO")
    list(JOIN why "; " text)
    message(FATAL_ERROR "soak's component ${name} cannot be built: ${text}")
  endif()
  if(why)
    set_property(GLOBAL APPEND PROPERTY SOAK_LEFT_OUT ${name})
    set_property(GLOBAL PROPERTY SOAK_WHY_NOT_${name} "${why}")
    set(SOAK_BUILD_MODULE FALSE PARENT_SCOPE)
    return()
  endif()
  set(uses "")
  set(needs "")
  foreach(target IN LISTS ARGN)
    if(target MATCHES "^soak::(.+)$")
      list(APPEND uses ${CMAKE_MATCH_1})
    else()
      _soak_dependency_of(${target} needed)
      list(APPEND needs ${needed})
    endif()
  endforeach()
  list(REMOVE_DUPLICATES needs)
  set_property(GLOBAL APPEND PROPERTY SOAK_COMPONENTS ${name})
  set_property(GLOBAL PROPERTY SOAK_USES_${name} ${uses})
  set_property(GLOBAL PROPERTY SOAK_NEEDS_${name} ${needs})
  set(SOAK_BUILD_MODULE TRUE PARENT_SCOPE)
endfunction()

function(soak_module name)
  cmake_parse_arguments(arg "STATIC;INTERFACE" "UNLESS"
    "SOURCES;CONSUMER_SOURCES;HEADERS;PUBLIC;PRIVATE;COMPILED_IN" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "soak_module(${name}): unexpected ${arg_UNPARSED_ARGUMENTS}")
  endif()
  _soak_why_not(why ${arg_COMPILED_IN})
  _soak_decide(${name} "${why};${arg_UNLESS}" ${arg_PUBLIC} ${arg_PRIVATE})
  if(NOT SOAK_BUILD_MODULE)
    return()
  endif()

  set(library soak_${name})
  set(kind "")
  set(scope PUBLIC)
  if(arg_STATIC)
    set(kind STATIC)
  elseif(arg_INTERFACE)
    set(kind INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(${library} ${kind} ${arg_SOURCES})
  add_library(soak::${name} ALIAS ${library})
  set_target_properties(${library} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(${library} ${scope} cxx_std_20)
  target_link_libraries(${library} ${scope} ${arg_PUBLIC})
  if(NOT arg_INTERFACE)
    target_link_libraries(${library} PRIVATE ${arg_PRIVATE})
    target_include_directories(${library} PRIVATE ${PROJECT_SOURCE_DIR})
  endif()
  if(TARGET soak_standard_headers AND "fmt::fmt" IN_LIST arg_PRIVATE)
    target_precompile_headers(${library} REUSE_FROM soak_standard_headers)
  endif()
  foreach(target IN LISTS arg_COMPILED_IN)
    target_include_directories(${library} SYSTEM PRIVATE $<TARGET_PROPERTY:${target},INTERFACE_INCLUDE_DIRECTORIES>)
  endforeach()

  set(headers "")
  if(arg_HEADERS)
    set(headers FILE_SET HEADERS)
    list(TRANSFORM arg_HEADERS PREPEND ${PROJECT_SOURCE_DIR}/include/soak/)
    target_sources(${library} ${scope} ${headers} BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${arg_HEADERS})
  endif()
  set(consumer_sources "")
  foreach(source IN LISTS arg_CONSUMER_SOURCES)
    cmake_path(ABSOLUTE_PATH source NORMALIZE)
    cmake_path(GET source FILENAME file)
    cmake_path(GET source PARENT_PATH folder)  # Beside the headers that they include by name alone.
    cmake_path(GET folder FILENAME folder)
    target_sources(${library} INTERFACE
      $<BUILD_INTERFACE:${source}>
      $<INSTALL_INTERFACE:$<INSTALL_PREFIX>/${CMAKE_INSTALL_DATADIR}/soak/${folder}/${file}>)
    install(FILES ${source} DESTINATION ${CMAKE_INSTALL_DATADIR}/soak/${folder})
    list(APPEND consumer_sources ${folder}/${file})
  endforeach()
  install(TARGETS ${library} EXPORT soak-${name} ${headers})
  soak_install_pkg_config(${name} "${consumer_sources}" ${arg_PUBLIC} ${arg_PRIVATE})
  add_dependencies(soak_installed ${library})
  install(EXPORT soak-${name} NAMESPACE soak:: DESTINATION ${SOAK_CONFIG_DIR})
endfunction()

# Prints the configure-time summary: what is built, and what is left out and why.
function(soak_summary)
  get_property(built GLOBAL PROPERTY SOAK_COMPONENTS)
  list(JOIN built " " text)
  message(STATUS "soak's components: ${text}")
  get_property(left_out GLOBAL PROPERTY SOAK_LEFT_OUT)
  foreach(name IN LISTS left_out)
    get_property(why GLOBAL PROPERTY SOAK_WHY_NOT_${name})
    list(JOIN why "; " text)
    message(STATUS "  left out: ${name}: ${text}")
  endforeach()
endfunction()

# The table of components for soakConfig.cmake.
function(soak_component_table out)
  set(text "")
  get_property(built GLOBAL PROPERTY SOAK_COMPONENTS)
  get_property(left_out GLOBAL PROPERTY SOAK_LEFT_OUT)
  string(APPEND text "set(_soak_components ${built})\nset(_soak_left_out ${left_out})\n")
  foreach(name IN LISTS built)
    get_property(uses GLOBAL PROPERTY SOAK_USES_${name})
    get_property(needs GLOBAL PROPERTY SOAK_NEEDS_${name})
    string(APPEND text "set(_soak_uses_${name} ${uses})\nset(_soak_needs_${name} ${needs})\n")
  endforeach()
  foreach(name IN LISTS left_out)
    get_property(why GLOBAL PROPERTY SOAK_WHY_NOT_${name})
    list(JOIN why "; " why)
    string(APPEND text "set(_soak_why_not_${name} [[${why}]])\n")
  endforeach()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

# Writes the modules and arrows that CMake knows, for the rule over includes (tests/unit/sources/check_sources.sh):
#   module <name> public <module>... private <module>...    what it links
#   header <path> <module>                                  soak/run.h run
#   left_out <name>
function(soak_write_arrows file)
  set(text "")
  get_property(built GLOBAL PROPERTY SOAK_COMPONENTS)
  foreach(name IN LISTS built)
    get_target_property(kind soak_${name} TYPE)
    get_target_property(public soak_${name} INTERFACE_LINK_LIBRARIES)
    set(all "${public}")
    if(NOT kind STREQUAL "INTERFACE_LIBRARY")
      get_target_property(all soak_${name} LINK_LIBRARIES)
    endif()
    list(FILTER public INCLUDE REGEX "^soak::")
    list(FILTER all INCLUDE REGEX "^soak::")
    set(private ${all})
    list(REMOVE_ITEM private ${public})
    string(APPEND text "module ${name} public ${public} private ${private}\n")
    get_target_property(headers soak_${name} HEADER_SET)
    foreach(header IN LISTS headers)
      if(header)
        cmake_path(RELATIVE_PATH header BASE_DIRECTORY ${PROJECT_SOURCE_DIR}/include)
        string(APPEND text "header ${header} ${name}\n")
      endif()
    endforeach()
  endforeach()
  get_property(left_out GLOBAL PROPERTY SOAK_LEFT_OUT)
  foreach(name IN LISTS left_out)
    string(APPEND text "left_out ${name}\n")
  endforeach()
  string(REPLACE "soak::" "" text "${text}")
  string(REPLACE ";" " " text "${text}")
  file(WRITE ${file} "${text}")
endfunction()

# SPDX-License-Identifier: Apache-2.0
# A pkg-config file for each component, from what soak_module() records: soak-gating.pc, and soak.pc for the component soak.
#
# The libraries are static, so everything that a component links is in `Requires` and `Libs`. What find_package() adds to a
# target to be compiled in the program that links it is the variable `sources`, with that of all components it uses:
#   $(pkg-config --variable=sources soak-main)
# The prefix is relative to the file, so a copy works wherever it is installed or unpacked.

function(_soak_pkg_config_name name out)
  set(module soak-${name})
  if(name STREQUAL "soak")
    set(module soak)
  endif()
  set(${out} ${module} PARENT_SCOPE)
endfunction()

# soak_install_pkg_config(<name> <consumer sources, below share/soak> <linked target>...)
function(soak_install_pkg_config name consumer_sources)
  set(sources ${consumer_sources})
  set(requires "")
  set(libs "")
  get_property(uses GLOBAL PROPERTY SOAK_USES_${name})
  foreach(used IN LISTS uses)
    _soak_pkg_config_name(${used} module)
    list(APPEND requires ${module})
    get_property(used_sources GLOBAL PROPERTY SOAK_ALL_CONSUMER_SOURCES_${used})
    list(APPEND sources ${used_sources})
  endforeach()
  list(REMOVE_DUPLICATES sources)
  set_property(GLOBAL PROPERTY SOAK_ALL_CONSUMER_SOURCES_${name} ${sources})

  get_property(needs GLOBAL PROPERTY SOAK_NEEDS_${name})
  foreach(needed IN LISTS needs)
    if(_soak_dependency_${needed}_PC)
      list(APPEND requires ${_soak_dependency_${needed}_PC})
    elseif(_soak_dependency_${needed}_PKG_CONFIG)
      list(GET _soak_dependency_${needed}_PKG_CONFIG 1 module)
      string(REPLACE ">=" " >= " module ${module})
      list(APPEND requires ${module})
    elseif(needed STREQUAL "Threads")
      list(APPEND libs -pthread)
    else()
      message(FATAL_ERROR "soak_dependency(${needed}) has neither PC nor PKG_CONFIG, which the component's pkg-config file needs")
    endif()
  endforeach()
  foreach(linked IN LISTS ARGN)
    if(NOT linked MATCHES "::")  # A library of the system, by name: dl.
      list(APPEND libs -l${linked})
    endif()
  endforeach()
  set(cflags "-I\${includedir}")
  if(consumer_sources)
    string(APPEND cflags " -I\${sourcedir}")
  endif()
  get_target_property(kind soak_${name} TYPE)
  if(NOT kind STREQUAL "INTERFACE_LIBRARY")
    list(PREPEND libs "-L\${libdir}" -lsoak_${name})
  endif()

  _soak_pkg_config_name(${name} module)
  list(TRANSFORM sources PREPEND "\${sourcedir}/")
  list(JOIN sources " " sources)
  list(JOIN requires ", " requires)
  list(JOIN libs " " libs)
  file(RELATIVE_PATH up ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
  string(REGEX REPLACE "/$" "" up ${up})
  file(RELATIVE_PATH libdir ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_LIBDIR})
  file(RELATIVE_PATH includedir ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
  file(RELATIVE_PATH datadir ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_DATADIR})
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${module}.pc
"prefix=\${pcfiledir}/${up}
libdir=\${prefix}/${libdir}
includedir=\${prefix}/${includedir}
sourcedir=\${prefix}/${datadir}/soak
sources=${sources}

Name: ${module}
Description: soak's component ${name}
Version: ${PROJECT_VERSION}
Requires: ${requires}
Libs: ${libs}
Cflags: ${cflags}
")
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${module}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

# SPDX-License-Identifier: Apache-2.0
# The two Debian packages, made by CPack: libsoak-dev has all components, soak has the command. `make packages` builds them.
# A package is for the release of Debian that it was built on.

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL libsoak-dev soak)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_PACKAGE_NAME soak)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_VENDOR soak)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # Each package's description begins with its own.
set(CPACK_PACKAGE_CONTACT "soak developers <soak@packages.invalid>" CACHE STRING "Maintainer of the Debian packages")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)  # Programs; the script strips the static libraries.
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/strip_archives.cmake)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz CACHE STRING "gzip makes larger packages in less time")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(release 1)
if(EXISTS /etc/os-release)
  file(STRINGS /etc/os-release os REGEX "^(ID|VERSION_ID)=")
  list(JOIN os " " os)
  if(os MATCHES "(^| )ID=debian" AND os MATCHES "VERSION_ID=\"([0-9]+)")
    string(APPEND release "~deb${CMAKE_MATCH_1}")
  endif()
endif()
set(CPACK_DEBIAN_PACKAGE_RELEASE ${release})

# libsoak-dev needs what its components need, in the version that they were compiled with or later.
set(depends "")
get_property(built GLOBAL PROPERTY SOAK_COMPONENTS)
foreach(component IN LISTS built)
  get_property(needs GLOBAL PROPERTY SOAK_NEEDS_${component})
  foreach(needed IN LISTS needs)
    list(APPEND depends ${_soak_dependency_${needed}_PACKAGE})
  endforeach()
endforeach()
list(REMOVE_DUPLICATES depends)
find_program(SOAK_DPKG_QUERY dpkg-query)
set(versioned "")
foreach(package IN LISTS depends)
  set(version "")
  if(SOAK_DPKG_QUERY)
    execute_process(COMMAND ${SOAK_DPKG_QUERY} --show --showformat=\${source:Upstream-Version} ${package}
      OUTPUT_VARIABLE version ERROR_QUIET)
  endif()
  if(version)
    list(APPEND versioned "${package} (>= ${version})")
  else()
    list(APPEND versioned ${package})
  endif()
endforeach()
# libwebsockets loads its libuv plugin at run time, so no tool finds this dependency.
list(JOIN versioned ", " versioned)
set(CPACK_DEBIAN_LIBSOAK-DEV_PACKAGE_NAME libsoak-dev)
set(CPACK_DEBIAN_LIBSOAK-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBSOAK-DEV_PACKAGE_DEPENDS "${versioned}, libwebsockets-evlib-uv")
set(CPACK_DEBIAN_LIBSOAK-DEV_PACKAGE_RECOMMENDS "g++ (>= 4:12), cmake (>= 3.25) | pkgconf")
set(CPACK_DEBIAN_LIBSOAK-DEV_PACKAGE_SUGGESTS "soak, libjemalloc2")
set(CPACK_COMPONENT_LIBSOAK-DEV_DESCRIPTION
"GoogleTest extension for soak tests (development files)
A C++20 library for hour-long tests next to unit tests, run with one flag.
The verdict names what leaks, per operation, with a confidence interval.

Contains the headers, the static libraries, and files for CMake's
find_package() and for pkg-config, one for each component.")

set(CPACK_DEBIAN_SOAK_PACKAGE_NAME soak)
set(CPACK_DEBIAN_SOAK_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_SOAK_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_SOAK_PACKAGE_DEPENDS libwebsockets-evlib-uv)
set(CPACK_DEBIAN_SOAK_PACKAGE_RECOMMENDS "ca-certificates, libjemalloc2")  # TLS to a real provider; --heap-profile.
set(CPACK_COMPONENT_SOAK_DESCRIPTION
"soak tests of realtime clients, with a verdict that names what leaks
Runs voice and channel clients for hours against bundled fakes or against
the real services, and judges memory, descriptors, sockets and traffic.

Also serves the fakes alone, for clients in any language, and judges
series that were recorded elsewhere.")

# What Debian's policy wants of every package. Only a package has it, not an installation by hand.
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
foreach(package IN ITEMS libsoak-dev soak)
  set(doc ${CMAKE_CURRENT_BINARY_DIR}/packages/${package})
  file(WRITE ${doc}/changelog
"soak (${PROJECT_VERSION}-${release}) unstable; urgency=medium

  * Built from the source tree; its CHANGELOG.md lists the changes.

 -- ${CPACK_PACKAGE_CONTACT}  ${now}
")
  file(ARCHIVE_CREATE OUTPUT ${doc}/changelog.Debian.gz PATHS ${doc}/changelog FORMAT raw COMPRESSION GZip
    COMPRESSION_LEVEL 9)
  file(WRITE ${doc}/copyright
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: soak

Files: *
Copyright: The soak authors
License: Apache-2.0
 On Debian systems, the full text of the Apache License, Version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
")
  install(FILES ${doc}/changelog.Debian.gz ${doc}/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package}
    COMPONENT ${package} EXCLUDE_FROM_ALL)
endforeach()

include(CPack)

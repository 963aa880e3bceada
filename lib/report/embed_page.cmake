# SPDX-License-Identifier: Apache-2.0
# cmake -DPAGE=page -DCHART_JS=chart.min.js -DOUT=page_template.cc -P embed_page.cmake: one C++ string out of the page's
# template, style and scripts, so that an installed library needs no file. The page's policy admits these scripts alone,
# by their hashes.
cmake_minimum_required(VERSION 3.25)

# The SHA-256 of a text as Content-Security-Policy has it.
function(hash_source text out)
  set(alphabet "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  string(SHA256 hex "${text}")
  string(APPEND hex "00")  # 32 bytes are no multiple of 3.
  set(base64 "")
  foreach(start RANGE 0 60 6)
    string(SUBSTRING "${hex}" ${start} 6 three_bytes)
    foreach(shift 18 12 6 0)
      math(EXPR index "(0x${three_bytes} >> ${shift}) & 63")
      string(SUBSTRING "${alphabet}" ${index} 1 character)
      string(APPEND base64 "${character}")
    endforeach()
  endforeach()
  string(REGEX REPLACE ".$" "=" base64 "${base64}")
  set(${out} "sha256-${base64}" PARENT_SCOPE)
endfunction()

file(READ ${PAGE}/page.html page)
file(READ ${PAGE}/page.css style)
file(READ ${PAGE}/chart_license.txt license)
set(script "")
foreach(name format charts page)
  file(READ ${PAGE}/${name}.js part)
  string(APPEND script "${part}")
endforeach()
file(READ ${CHART_JS} chart)
if(NOT chart MATCHES "Chart\\.js v([0-9]+)" OR CMAKE_MATCH_1 LESS 3)
  message(FATAL_ERROR "${CHART_JS} is no Chart.js of version 3 or later")
endif()
string(REGEX REPLACE "//# sourceMappingURL=[^\n]*" "" chart "${chart}")  # It would be asked for.

foreach(part style script chart)
  string(TOUPPER ${part} name)
  hash_source("${${part}}" hash)
  string(REPLACE "@${name}_HASH@" "${hash}" page "${page}")
endforeach()
string(REPLACE "@CHART_LICENSE@" "${license}" page "${page}")
string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@SCRIPT@" "${script}" page "${page}")
string(REPLACE "@CHART@" "${chart}" page "${page}")

foreach(part style script chart)
  string(FIND "${${part}}" "</s" found)
  if(NOT found EQUAL -1)
    message(FATAL_ERROR "the ${part} would end its own element")
  endif()
endforeach()
string(FIND "${page}" ")soak_page\"" found)
if(NOT found EQUAL -1)
  message(FATAL_ERROR "the page would end its own string")
endif()
file(WRITE ${OUT} "// Made by embed_page.cmake.\n#include \"lib/report/page_template.h\"\n\nnamespace soak::report {\n\n"
  "const std::string_view kPageTemplate = R\"soak_page(${page})soak_page\";\n\n}  // namespace soak::report\n")

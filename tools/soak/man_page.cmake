# SPDX-License-Identifier: Apache-2.0
# Writes the manual page of the soak command from what its --help prints: cmake -DSOAK=<command> -DOUT=<soak.1.gz> -P man_page.cmake

function(help out)
  execute_process(COMMAND ${SOAK} ${ARGN} --help OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE "\\" "\\e" text "${text}")
  string(REPLACE "-" "\\-" text "${text}")
  string(REGEX REPLACE "(^|\n)([.'])" "\\1\\\\&\\2" text "${text}")
  string(STRIP "${text}" text)
  set(${out} ".nf\n${text}\n.fi\n" PARENT_SCOPE)
endfunction()

execute_process(COMMAND ${SOAK} --help OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
if(NOT text MATCHES "\n[Ss][Uu][Bb][Cc][Oo][Mm][Mm][Aa][Nn][Dd][Ss]:\n(.*)$")
  message(FATAL_ERROR "soak --help lists no subcommands:\n${text}")
endif()
string(REGEX MATCHALL "(^|\n)  [a-z]+ " commands "${CMAKE_MATCH_1}")
list(TRANSFORM commands STRIP)

help(overview)
set(page ".TH SOAK 1 \"\" soak \"User Commands\"
.SH NAME
soak \\- soak tests of realtime clients, with a verdict that names what leaks
.SH SYNOPSIS
.B soak
.I command
.RI [ options ]
.SH DESCRIPTION
${overview}")
foreach(command IN LISTS commands)
  help(usage ${command})
  string(TOUPPER ${command} title)
  string(APPEND page ".SH ${title}\n${usage}")
endforeach()
string(APPEND page ".SH EXIT STATUS
.TP
.B 0
PASS: there is no finding.
.TP
.B 1
FAIL: there is a finding, or growth where two reports were compared.
.TP
.B 2
It could not run: an option, a variable or a file is invalid.
.TP
.B 3
INCONCLUSIVE: a bound was set (\\-\\-leak\\-max), and the run could neither show nor refute it.
")
cmake_path(REMOVE_EXTENSION OUT LAST_ONLY OUTPUT_VARIABLE plain)
file(WRITE ${plain} "${page}")
file(ARCHIVE_CREATE OUTPUT ${OUT} PATHS ${plain} FORMAT raw COMPRESSION GZip COMPRESSION_LEVEL 9)

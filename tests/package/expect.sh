# SPDX-License-Identifier: Apache-2.0
# For the scripts here to source. Counts in $failures.
failures=0

# expect NAME STATUS COMMAND...: runs it, keeps its output in $output.
expect() {
  local name=$1 status=$2
  shift 2
  output=$("$@" 2>&1)
  local got=$?
  if [[ $got -ne $status ]]; then
    echo "FAIL: $name: exit status $got, expected $status"
    echo "$output"
    failures=$((failures + 1))
  else
    echo "ok: $name"
  fi
}

# says NAME REGEX: the last output has a line that matches.
says() {
  if ! grep -qE -- "$2" <<<"$output"; then
    echo "FAIL: $1: no line matches: $2"
    echo "$output"
    failures=$((failures + 1))
  fi
}

# not NAME REGEX: no line of the last output matches.
not() {
  if grep -E -- "$2" <<<"$output"; then
    echo "FAIL: $1: a line matches: $2"
    failures=$((failures + 1))
  fi
}

# must NAME STATUS COMMAND...: as expect, and what follows makes no sense without it.
must() {
  local before=$failures
  expect "$@"
  [[ $failures -eq $before ]] || exit 1
}

# What two consumers compile alike is compiled once.
use_ccache() {
  if command -v ccache >/dev/null; then
    export CMAKE_CXX_COMPILER_LAUNCHER=ccache CMAKE_C_COMPILER_LAUNCHER=ccache CCACHE_NOHASHDIR=1
  fi
}

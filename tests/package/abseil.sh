#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# abseil.sh PREFIX SOURCE SCRATCH: a consumer whose own GoogleTest is built with Abseil, which then parses all flags. Exits 77
# where Abseil or RE2 is missing, or fails if the tools are required.
set -uo pipefail
prefix=$1
source=$2
scratch=$3

unset GTEST_RUNSOAK SOAK_VIRTUAL SOAK_SMOKE
if ! pkg-config --exists absl_flags_parse re2; then
  echo "needs libabsl-dev and libre2-dev; 'make test-tools' installs them"
  [[ ${SOAK_TOOLS_REQUIRED:-0} == 1 ]] && exit 1
  exit 77
fi
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache CMAKE_C_COMPILER_LAUNCHER=ccache
fi
rm -rf "$scratch"
mkdir -p "$scratch"
cmake -S "$source/tests/package/own_googletest" -B "$scratch/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" \
  -DGOOGLETEST=/usr/src/googletest -DABSEIL=ON || exit 1
cmake --build "$scratch/build" -j 2 || exit 1
failures=0

# expect NAME STATUS REGEX COMMAND...: its exit status, and a line that it prints.
expect() {
  local name=$1 status=$2 line=$3
  shift 3
  local output got
  output=$("$@" 2>&1)
  got=$?
  if [[ $got -ne $status ]] || ! grep -qE -- "$line" <<<"$output"; then
    echo "FAIL: $name: exit status $got, expected $status and a line that matches: $line"
    echo "$output"
    failures=$((failures + 1))
  else
    echo "ok: $name"
  fi
}

cd "$scratch" || exit 1
for program in leak_soak cache_test; do  # One has GoogleTest's main(), the other soak's.
  expect "$program: skipped unless asked for" 0 '\[  SKIPPED \] Soak/' build/$program
  expect "$program: smoke" 0 '\[       OK \] Soak/' build/$program --soak_smoke
  expect "$program: an option, and GoogleTest's flags beside ours" 0 'Repeating all tests \(iteration 2\)' \
    build/$program --soak_smoke --gtest_repeat=2 --soak_seed=7 --gtest_filter='Soak/*'
  expect "$program: a listing" 0 '^Soak/' build/$program --gtest_list_tests --gtest_runsoak
  expect "$program: a misspelt flag of ours" 2 '--gtest_runsoaks is not an option of this program' build/$program --gtest_runsoaks
  expect "$program: a flag that nobody knows is Abseil's error" 1 "Unknown command line flag 'gtest_runs'" build/$program --gtest_runs
done
expect 'leak_soak: --gtest_runsoak finds the leak' 1 'heap grew .* per cycle, allowed 16\.0 KiB' build/leak_soak --gtest_runsoak
expect 'cache_test: --gtest_runsoak' 0 '\[  PASSED  \] 1 test' build/cache_test --gtest_runsoak
exit $((failures > 0))
